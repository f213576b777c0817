import assert from "node:assert/strict";
import { test } from "node:test";
import { holding } from "./held.ts";

test("an answer is held for a while, each key's by itself; one that is being read is waited for, and one that rejects is not held", async () => {
  let now = 0;
  const asked: string[] = [];
  let fails = false;
  const read = async (key: string) => {
    asked.push(key);
    if (fails) throw new Error("away");
    return `${key}${asked.length}`;
  };
  const find = holding(read, { keepMs: 10, most: 2, now: () => now });
  assert.deepEqual(await Promise.all([find("a"), find("a"), find("b")]), ["a1", "a1", "b2"]);
  now = 9;
  assert.equal(await find("a"), "a1");
  now = 10;
  fails = true;
  await assert.rejects(find("a"), /away/);
  fails = false;
  assert.equal(await find("a"), "a4");
  assert.equal(await find("b"), "b5");
  await find("c");
  assert.equal(await find("a"), "a7", "forgotten for c");
});
