import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseDuration } from "./duration.ts";

describe("parseDuration", () => {
  test("reads units, sums and fractions", () => {
    assert.equal(parseDuration("500ms"), 500);
    assert.equal(parseDuration("30s"), 30_000);
    assert.equal(parseDuration("1h30m"), 5_400_000);
    assert.equal(parseDuration("1.5s"), 1_500);
    assert.equal(parseDuration("0s"), 0);
  });

  test("refuses anything else", () => {
    for (const wrong of ["", "5", "m", "-5s", "5 s", "1d", "5µs", ".5s"]) assert.equal(parseDuration(wrong), undefined, wrong);
  });
});
