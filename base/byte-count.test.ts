import assert from "node:assert/strict";
import { test } from "node:test";
import { parseByteCount } from "./byte-count.ts";

test("bytes are plain, or have a binary unit as Kubernetes writes it", () => {
  assert.deepEqual(["0", "500000", "512Ki", "2Mi", "1Gi"].map(parseByteCount), [0, 500_000, 524_288, 2_097_152, 1_073_741_824]);
  for (const text of ["", "Mi", "1.5Mi", "1MB", "1 Mi", "-1", "1e6", "9".repeat(13)]) assert.equal(parseByteCount(text), undefined, text);
});
