import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { silentLog } from "../../model/log.ts";
import { createFakeClock } from "../../model/testing/fake-clock.ts";
import { createRegistryWebhook, readWebhookSecret } from "./registry-webhook.ts";

const SECRET = "0123456789abcdef";
const pushed = (repository: string) => JSON.stringify({ events: [{ action: "push", target: { repository } }] });

async function start(t: TestContext) {
  const moved: string[] = [];
  const clock = createFakeClock();
  const state = { isLeading: true };
  const webhook = createRegistryWebhook({
    ...{ address: { host: "127.0.0.1", port: 0 }, secret: SECRET, clock, log: silentLog },
    moved: (path) => void moved.push(path),
    leadership: { isLeading: () => state.isLeading },
  });
  const bound = await webhook.listen();
  assert.ok(bound.ok);
  t.after(() => webhook.close());
  const post = async (body: string, authorization: string | undefined = `Bearer ${SECRET}`, method = "POST") => {
    const headers: Record<string, string> = authorization === "" ? {} : { authorization };
    const answer = await fetch(`http://127.0.0.1:${bound.value.port}/any`, { method, headers, ...(method === "GET" ? {} : { body }) });
    await answer.text();
    return answer.status;
  };
  return { moved, clock, state, post };
}

test("a notification with the secret tells which repositories to look at; without it nothing is read", async (t) => {
  const { moved, post } = await start(t);
  for (const authorization of ["", "Bearer", "Bearer x", `Bearer ${SECRET}x`, `Basic ${SECRET}`, SECRET.slice(1)])
    assert.equal(await post(pushed("a"), authorization), 401);
  assert.deepEqual([await post("", undefined, "GET"), await post("{}"), await post("{"), moved], [405, 400, 400, []]);
  assert.deepEqual(
    [await post(pushed("team/f")), await post(pushed("b"), SECRET), await post(JSON.stringify({ events: [] }))],
    [202, 202, 202],
  );
  assert.deepEqual(moved, ["team/f", "b"]);
});

test("a body is bounded, and so is how often; who does not decide says so", async (t) => {
  const { moved, clock, state, post } = await start(t);
  assert.equal(await post(JSON.stringify({ events: [], padding: "x".repeat(2 << 20) })).catch(() => 413), 413);
  state.isLeading = false;
  assert.equal(await post(pushed("a")), 503);
  state.isLeading = true;
  const statuses = [];
  for (let i = 0; i < 60; i++) statuses.push(await post(pushed("a")));
  assert.deepEqual([statuses.filter((status) => status === 202).length, statuses.at(-1), moved.length], [49, 429, 49]);
  await clock.advance(1_000);
  assert.equal(await post(pushed("a")), 202);
});

test("the secret's file is to hold one that nobody guesses, and is not quoted", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "weir-secret-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "secret");
  const read = async (text: string) => {
    await writeFile(file, text);
    return readWebhookSecret(file);
  };
  assert.deepEqual(await read(`${SECRET}\n`), { ok: true, value: SECRET });
  for (const text of ["", "short", `${SECRET} and more`, "x".repeat(5_000), `${SECRET}\0`]) {
    const found = await read(text);
    assert.ok(!found.ok && found.error.reason === "BadWebhookSecret" && !found.error.message.includes(SECRET), text.slice(0, 20));
  }
  assert.ok(!(await readWebhookSecret(join(folder, "gone"))).ok);
});
