import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../model/digest.ts";
import { parseFilter } from "../parse/filter.ts";
import { policiesOf } from "../testing/policies.ts";
import { createPolicyBook } from "./book.ts";
import { createPermits } from "./permits.ts";

test("a filter is pinned by a digest, and not by a folder that is called like one", () => {
  const book = createPolicyBook(() => policiesOf({}));
  const permits = createPermits({ book, registry: { repositoryOf: (image) => image }, claims: () => [] });
  const digest = digestOf("a");
  for (const [image, isPinned] of [
    [`registry.example/f@${digest}`, true],
    [`registry.example/f:1@${digest}`, true],
    [`oci-layout:./images@${digest}`, true],
    ["registry.example/f:1", false],
    [`oci-layout:./images@${digest}/f:1`, false],
  ] as const) {
    const parsed = parseFilter({
      apiVersion: "weir.dev/v1alpha1",
      kind: "WasmFilter",
      metadata: { name: "f", namespace: "shop" },
      spec: { image },
    });
    assert.ok(parsed.ok, image);
    const { source } = permits.subjectOf(parsed.value, []);
    assert.ok(source.kind === "image");
    assert.equal(source.isPinned, isPinned, image);
  }
});
