import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BAD_POLICIES, GOOD_POLICIES } from "./policy.cases.ts";
import { parsePolicy, policyProblems, readNamespaceSelector } from "./policy.ts";

const wasmPolicy = (spec: unknown, name = "base") => ({ apiVersion: "weir.dev/v1alpha1", kind: "WasmPolicy", metadata: { name }, spec });

describe("a policy that is wrong, and one that is not", () => {
  for (const { name, spec } of GOOD_POLICIES) test(`accepts ${name}`, () => assert.deepEqual(policyProblems(wasmPolicy(spec)), []));

  for (const { name, spec, problems } of BAD_POLICIES)
    test(`refuses ${name}`, () => {
      const found = policyProblems(wasmPolicy(spec)).map(({ path, message }) => `${path}: ${message}`);
      assert.deepEqual(found.sort(), [...problems].sort());
    });

  test("what is no policy at all is refused, and nothing throws", () => {
    for (const raw of [undefined, null, 1, [], {}, { spec: null }, wasmPolicy({ urls: "Deny" }, "No Name"), wasmPolicy(null)])
      assert.ok(!parsePolicy(raw).ok);
  });
});

test("sizes are in bytes and times in milliseconds, and what is not said asks for nothing", () => {
  const parsed = parsePolicy(wasmPolicy({ images: [{ pattern: "a/*" }], maxModuleSize: "2Mi", maxLoad: "1.5s" }));
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.value, {
    name: "base",
    namespaces: { matchLabels: {}, matchExpressions: [] },
    mode: "Enforce",
    images: [{ pattern: "a/*", digestOnly: false, verify: [] }],
    urls: "Deny",
    capabilities: undefined,
    slots: undefined,
    maxFiltersPerSlot: undefined,
    maxModuleSize: 2_097_152,
    maxLoadMs: 1_500,
    failurePolicies: undefined,
  });
  const open = parsePolicy(wasmPolicy({ slots: ["a"] }));
  assert.ok(open.ok && open.value.urls === "Allow");
});

test("for which namespaces a broken policy is can be read where its selector is sound", () => {
  const matchLabels = { team: "a" };
  assert.deepEqual(readNamespaceSelector(wasmPolicy({ namespaceSelector: { matchLabels }, mode: 1 })), {
    matchLabels,
    matchExpressions: [],
  });
  assert.deepEqual(readNamespaceSelector(wasmPolicy({ mode: 1 })), { matchLabels: {}, matchExpressions: [] });
  for (const raw of [wasmPolicy({ namespaceSelector: { matchLabels: 1 } }), wasmPolicy({ namespaceSelector: "a" }), wasmPolicy(null), 1])
    assert.equal(readNamespaceSelector(raw), undefined);
});
