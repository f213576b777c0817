// Cases in YAML say most things shorter; a test in TypeScript can compute.
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadFilter } from "@weir-dev/testing";

test("any value that a header can have comes out as it went in", async () => {
  for (const value of ["x", "a b", "ü", "x".repeat(4000)]) {
    const filter = await loadFilter(undefined, { config: value });
    const { response } = await filter.exchange({ path: "/" });
    assert.equal(response?.headers["x-hello"], value);
  }
});
