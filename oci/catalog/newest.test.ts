import assert from "node:assert/strict";
import { test } from "node:test";
import { newestFirst } from "./newest.ts";

test("versions come before other tags, a release before its candidates, and numbers count as numbers", () => {
  const tags = ["1.9.0", "1.10.0", "latest", "1.10.0-rc.2", "v2.0.0", "nightly", "1.10", "1.10.0-rc.10", "2024-1", "build-9", "build-10"];
  const sorted = newestFirst(tags);
  assert.deepEqual(sorted, [
    "2024-1",
    "v2.0.0",
    "1.10.0",
    "1.10",
    "1.10.0-rc.10",
    "1.10.0-rc.2",
    "1.9.0",
    "nightly",
    "latest",
    "build-10",
    "build-9",
  ]);
  assert.deepEqual(newestFirst([...tags].reverse()), sorted, "the order does not depend on that of the registry");
});
