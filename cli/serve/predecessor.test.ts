import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { follow } from "./predecessor.ts";

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "weir-predecessor-"));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

test("each replica of a data folder learns who had it before", async (t) => {
  const data = await folder(t);
  assert.equal(await follow(data, "weir-1_a"), undefined);
  assert.equal(await follow(data, "weir-1_b"), "weir-1_a");
  assert.equal(await follow(data, "weir-1_c"), "weir-1_b");
});

test("a copy of a folder, and one that came from another host, tell nothing: who wrote it may still run", async (t) => {
  const [data, copy] = [await folder(t), join(await folder(t), "copy")];
  await follow(data, "weir-1_a");
  await cp(data, copy, { recursive: true, preserveTimestamps: true });
  assert.equal(await follow(copy, "weir-1_b"), undefined);
  assert.equal(await follow(data, "weir-2_c"), undefined);
});

test("a folder that came from another machine under the same host's name tells nothing, nor does one where machines cannot be told apart", async (t) => {
  const [data, boots] = [await folder(t), await folder(t)];
  const [one, other] = [join(boots, "one"), join(boots, "other")];
  await writeFile(one, "11111111-2222\n");
  await writeFile(other, "33333333-4444\n");
  assert.equal(await follow(data, "weir-0_a", one), undefined);
  assert.equal(await follow(data, "weir-0_b", other), undefined);
  assert.equal(await follow(data, "weir-0_c", other), "weir-0_b");
  assert.equal(await follow(data, "weir-0_d", join(boots, "none")), undefined);
});

test("what is no such file tells nothing, and is written anew", async (t) => {
  const data = await folder(t);
  await writeFile(join(data, "replica"), "x".repeat(100_000));
  assert.equal(await follow(data, "weir-1_a"), undefined);
  assert.match(await readFile(join(data, "replica"), "utf8"), /^weir-1_a \d+ [0-9a-f-]{36}\n$/);
  assert.equal(await follow(data, "weir-1_b"), "weir-1_a");
  assert.equal(await follow(join(data, "nowhere"), "weir-1_c"), undefined);
});
