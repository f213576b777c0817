import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TokenBucket } from "./token-bucket.ts";

describe("TokenBucket", () => {
  test("gives its capacity at once, then what flows in", () => {
    const bucket = new TokenBucket(3, 2);
    const taken = (now: number) => [1, 2, 3, 4].filter(() => bucket.take(now)).length;
    assert.equal(taken(10_000), 3);
    assert.equal(taken(10_400), 0);
    assert.equal(taken(10_500), 1);
    assert.equal(taken(60_000), 3);
  });

  test("says whether there is one, and keeps it", () => {
    const bucket = new TokenBucket(1, 2);
    assert.deepEqual([bucket.has(0), bucket.has(0), bucket.take(0), bucket.has(0)], [true, true, true, false]);
    assert.deepEqual([bucket.has(499), bucket.has(500), bucket.take(500), bucket.take(500)], [false, true, true, false]);
  });
});
