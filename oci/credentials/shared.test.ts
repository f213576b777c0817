import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { silentLog } from "../../model/log.ts";
import { createFakeClock } from "../../model/testing/fake-clock.ts";
import { createTestHelper } from "../testing/helper.ts";
import { failed, valued } from "../testing/result.ts";
import { checkCredentialsFile, createSharedCredentials, parseSharedRepositories, type SharedOptions } from "./shared.ts";

const R = "registry.example";
const entry = (user: string) => ({ auth: Buffer.from(`${user}:secret`).toString("base64") });

async function scene(t: TestContext, document: object, more: Partial<SharedOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "weir-shared-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "config.json");
  await writeFile(file, JSON.stringify(document));
  const clock = createFakeClock();
  const warned: string[] = [];
  const log = { ...silentLog, warn: (text: string, facts?: object) => void warned.push(`${text} ${JSON.stringify(facts)}`) };
  const options = { file, repositories: [], trusted: "weir-system", env: {}, clock, log, ...more };
  const shared = createSharedCredentials(options);
  const users = async (namespace: string, image: string) =>
    [...(await shared.keychainFor(namespace, image)).values()].flat().map((each) => ("problem" in each ? each.problem : each.username));
  return { file, clock, warned, shared, users };
}

describe("Weir's own credentials", () => {
  test("are for filters of its own namespace, and for repositories that others may read, and no further", async (t) => {
    const repositories = ["registry.example/shared", "a=registry.example/a", "b=other.example"].map((text) =>
      valued(parseSharedRepositories(text)),
    );
    const { users } = await scene(
      t,
      { auths: { [R]: entry("all"), [`${R}/a`]: entry("a"), "other.example": entry("other") } },
      { repositories },
    );
    assert.deepEqual(await users("weir-system", `${R}/anything:1`), ["all"]);
    assert.deepEqual(await users("weir-system", `${R}/a/f:1`), ["a", "all"]);
    for (const image of ["shared/f:1", "shared/deep/er:1", "shared"]) assert.deepEqual(await users("x", `${R}/${image}`), ["all"], image);
    for (const image of ["private/f:1", "shared2/f", "sharedx:1", "a/f:1", "shar", "x/shared/f"])
      assert.deepEqual(await users("x", `${R}/${image}`), [], image);
    for (const name of ["Registry.Example", `${R}:443`]) assert.deepEqual(await users("a", `${name}/a/f:1`), ["a", "all"], name);
    assert.deepEqual(await users("a", `${R}/a/f:1`), ["a", "all"]);
    assert.deepEqual(await users("b", `${R}/a/f:1`), []);
    assert.deepEqual([await users("b", "other.example/any/f:1"), await users("a", "other.example/any/f:1")], [["other"], []]);
    for (const image of [
      "evil.example/shared/f:1",
      "registry.example.evil.example/shared/f",
      "oci-layout:x:1",
      "://",
      "registry.example:5000/shared/f",
    ])
      assert.deepEqual(await users("x", image), [], image);
  });

  test("are all for everybody where one person writes all filters", async (t) => {
    const { users } = await scene(t, { auths: { [R]: entry("all") } }, { trusted: "all" });
    assert.deepEqual(await users("x", `${R}/private/f:1`), ["all"]);
  });

  test("come from helpers too, which are asked once a minute for a registry that somebody may use, and for no other", async (t) => {
    const repositories = [valued(parseSharedRepositories(`${R}/shared`))];
    const { env, add, home } = createTestHelper();
    add("cloud", `#!/bin/sh\necho "$1 $(cat)" >> ${home}/asked; echo '{"Username":"AWS","Secret":"token"}'`);
    const asked = async () => (await readFile(join(home, "asked"), "utf8")).trim().split("\n");
    const { users, clock } = await scene(t, { credHelpers: { [R]: "cloud" }, credsStore: "cloud" }, { repositories, env });
    for (let i = 0; i < 3; i++) assert.deepEqual(await users("x", `${R}/shared/f:1`), ["AWS"]);
    await users("x", "evil.example/shared/f:1");
    assert.deepEqual(await asked(), [`get ${R}`]);
    await clock.advance(60_000);
    await users("x", `${R}/shared/f:2`);
    assert.equal((await asked()).length, 2);
  });

  test("that cannot be read are told in the log and not to who writes filters; a file that changes is read again", async (t) => {
    const { file, users, warned, clock } = await scene(t, {}, { trusted: "all" });
    await writeFile(file, "{ secret");
    assert.deepEqual([await users("x", `${R}/f:1`), warned.length], [[], 1]);
    assert.ok(warned[0]?.includes(file) && !warned[0].includes("secret"), warned[0]);
    await clock.advance(60_000);
    await writeFile(file, JSON.stringify({ auths: { [R]: { auth: "!" }, b: entry("b") } }));
    assert.deepEqual(await users("x", `${R}/f:1`), ["Weir's own credentials for this registry cannot be used now"]);
    await clock.advance(60_000);
    await writeFile(file, JSON.stringify({ auths: { [R]: entry("now") } }));
    assert.deepEqual(await users("x", `${R}/f:1`), ["now"]);
  });
});

test("a file that is not there, is empty or is no configuration ends the start", async (t) => {
  const { file } = await scene(t, {});
  assert.ok((await checkCredentialsFile(file)).ok);
  for (const text of ["", "[]", "{"]) {
    await writeFile(file, text);
    failed(await checkCredentialsFile(file), "BadDockerConfig");
  }
  failed(await checkCredentialsFile(`${file}.gone`), "BadDockerConfig");
});

test("what may be read is told by a registry, with a path and a namespace where they matter", () => {
  const read = (text: string) => valued(parseSharedRepositories(text));
  assert.deepEqual(read("registry.example"), { namespace: undefined, prefix: R });
  assert.deepEqual(read("registry.example:5000/a/b"), { namespace: undefined, prefix: "registry.example:5000/a/b" });
  assert.deepEqual(read("shop=[::1]:5000/a"), { namespace: "shop", prefix: "[::1]:5000/a" });
  assert.deepEqual(read("Registry.example:443/a"), { namespace: undefined, prefix: `${R}/a` });
  assert.deepEqual(read("index.docker.io/team"), { namespace: undefined, prefix: "docker.io/team" });
  for (const text of [
    "",
    "=",
    "a=",
    "registry.example/a:1",
    `registry.example/a@sha256:${"0".repeat(64)}`,
    "shop",
    "A=registry.example",
    "https://r.example",
    "*",
    "r.example/*",
  ])
    failed(parseSharedRepositories(text), "InvalidRepositories");
});
