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
});
