import assert from "node:assert/strict";
import { test } from "node:test";
import { mergePatch, patchedFields } from "./filter-patch.ts";

test("a patch is the same fields one by one, the reason first, and as one merge patch", () => {
  const patch = { suspend: true, digest: null, annotations: { "weir.dev/change-cause": "why" } };
  assert.deepEqual(patchedFields(patch), [
    { path: ["metadata", "annotations", "weir.dev/change-cause"], value: "why" },
    { path: ["spec", "digest"], value: null },
    { path: ["spec", "suspend"], value: true },
  ]);
  assert.deepEqual(mergePatch(patch, "7"), {
    metadata: { annotations: patch.annotations, resourceVersion: "7" },
    spec: { digest: null, suspend: true },
  });
  assert.deepEqual([mergePatch({}), patchedFields({})], [{}, []]);
});
