import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setBounded } from "./bounded-map.ts";

describe("setBounded", () => {
  test("beyond the limit the oldest key goes, and a key that is set again is the newest", () => {
    const map = new Map<string, number>();
    for (const [index, key] of ["a", "b", "a", "c", "d"].entries()) setBounded(map, key, index, 3);
    assert.deepEqual(
      [...map],
      [
        ["a", 2],
        ["c", 3],
        ["d", 4],
      ],
    );
  });
});
