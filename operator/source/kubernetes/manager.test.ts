import assert from "node:assert/strict";
import { test } from "node:test";
import { specManager } from "./manager.ts";

const entry = (manager: string, time: string, more: object = {}) => ({
  manager,
  time,
  operation: "Update",
  fieldsV1: { "f:spec": {} },
  ...more,
});

test("the manager of the spec is the one that wrote it last, whoever wrote the status or a label", () => {
  const entries = [
    entry("kubectl", "2026-01-02T00:00:00Z"),
    entry("argocd", "2026-01-01T00:00:00Z"),
    entry("weir", "2026-01-03T00:00:00Z", { subresource: "status" }),
    entry("labeler", "2026-01-04T00:00:00Z", { fieldsV1: { "f:metadata": {} } }),
  ];
  assert.equal(specManager(entries), "kubectl");
  for (const none of [undefined, null, "x", [], [1, null, {}, { manager: 1, fieldsV1: { "f:spec": {} } }]])
    assert.equal(specManager(none), undefined);
});

test("of two in one second it is the one that is not known yet", () => {
  const time = "2026-01-02T00:00:00Z";
  const entries = [entry("by-hand", time), entry("kubectl", time)];
  assert.equal(specManager(entries), "kubectl");
  assert.equal(specManager(entries, "kubectl"), "by-hand");
  assert.equal(specManager(entries.toReversed(), "kubectl"), "by-hand");
  assert.equal(specManager([entry("kubectl", time)], "kubectl"), "kubectl");
});
