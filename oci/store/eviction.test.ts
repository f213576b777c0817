import assert from "node:assert/strict";
import { test } from "node:test";
import { type Digest, digestOf } from "../../model/digest.ts";
import { allowedBytes, chooseEvictions } from "./eviction.ts";

test("what is needed stays whoever fills the store, and of the rest the least recently used goes first", () => {
  const blobs = Array.from({ length: 10 }, (_, i) => ({ digest: digestOf(`module ${i}`), size: 100, usedAt: i }));
  const needed = new Set<Digest>([blobs[0]?.digest ?? assert.fail()]);
  const evicted = chooseEvictions(blobs, 300, needed).map(({ usedAt }) => usedAt);
  assert.deepEqual(evicted, [1, 2, 3, 4, 5, 6, 7]);
});

test("on a disk with little room the store has three quarters of it, so that what is needed still fits", () => {
  assert.equal(allowedBytes(2_000, 100, 1_000_000), 2_000);
  assert.equal(allowedBytes(2_000, 900, 100), 750);
});
