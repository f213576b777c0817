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

test("what is no such file tells nothing, and is written anew", async (t) => {
  const data = await folder(t);
  await writeFile(join(data, "replica"), "x".repeat(100_000));
  assert.equal(await follow(data, "weir-1_a"), undefined);
  assert.match(await readFile(join(data, "replica"), "utf8"), /^weir-1_a \d+\n$/);
  assert.equal(await follow(data, "weir-1_b"), "weir-1_a");
  assert.equal(await follow(join(data, "nowhere"), "weir-1_c"), undefined);
});
