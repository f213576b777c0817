import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { backoff } from "./backoff.ts";

describe("backoff", () => {
  const policy = { firstMs: 200, longestMs: 1_000, jitter: [0.5, 1.5] } as const;

  test("doubles up to the longest delay", () => {
    assert.deepEqual(
      [1, 2, 3, 4, 5_000].map((failures) => backoff(policy, failures, () => 0.5)),
      [200, 400, 800, 1_000, 1_000],
    );
  });

  test("spreads the delay over the range of its jitter", () => {
    assert.equal(
      backoff(policy, 1, () => 0),
      100,
    );
    assert.equal(
      backoff(policy, 1, () => 1),
      300,
    );
  });
});
