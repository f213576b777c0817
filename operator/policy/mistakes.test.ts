import assert from "node:assert/strict";
import { test } from "node:test";
import type { WasmPolicySpec } from "../../model/gen/wasmpolicy.ts";
import { policiesOf } from "../testing/policies.ts";
import { policyMistakes } from "./mistakes.ts";

const namespaces = new Map([
  ["shop", { team: "a" }],
  ["bank", { team: "b" }],
]);

function told(specs: Readonly<Record<string, WasmPolicySpec>>, images: readonly string[] = ["registry.example/filters/f:1"]): string[] {
  const policies = policiesOf(specs).objects ?? new Map();
  const filters = images.map((image, index) => ({ metadata: { name: `f${index}`, namespace: "shop" }, spec: { image } }));
  return policyMistakes({ policies, namespaces, filters, repositoryOf: (image) => image.replace(/:.*/, "") }).map(
    ({ status, message }) => `${status} ${message}`,
  );
}

const only = (team: string) => ({ matchLabels: { team } });

test("policies that do what they say are not told of", () => {
  assert.deepEqual(
    told({ a: { images: [{ pattern: "registry.example/**" }], slots: ["x", "y"] }, b: { slots: ["y"] }, c: { urls: "Deny" } }),
    [],
  );
  assert.deepEqual(told({ a: { slots: ["x"], namespaceSelector: only("a") }, b: { slots: ["y"], namespaceSelector: only("b") } }), []);
  assert.deepEqual(told({ a: { slots: ["x"] }, b: { slots: ["y"], mode: "Audit" } }), []);
  assert.deepEqual(told({ a: { images: [{ pattern: "a/*" }] } }, []), []);
});

test("one that cannot be read fails, and one that is for nothing is a warning", () => {
  assert.deepEqual(
    told({ a: { maxModuleSize: "big" }, b: { urls: "Deny", namespaceSelector: only("c") }, c: { images: [{ pattern: "filters/*" }] } }),
    [
      "fail WasmPolicy a cannot be read, and nothing new goes out where it is for: spec.maxModuleSize: not a number of bytes; write it like 500000, 512Ki or 2Mi",
      "warn WasmPolicy b is for no namespace; check spec.namespaceSelector",
      "warn WasmPolicy c: pattern filters/* matches no image of the filters that it is for; patterns are written in full, with their registry",
    ],
  );
});

test("those that no filter can hold to are a warning", () => {
  const apart = {
    a: { slots: ["x"], failurePolicies: ["Open" as const], images: [{ pattern: "registry.example/filters/f" }] },
    b: {
      slots: ["y"],
      failurePolicies: ["Closed" as const],
      images: [{ pattern: "registry.example/*" }, { pattern: "registry.example/filters/g" }],
    },
    c: { capabilities: { allow: ["proxy_log", "proxy_http_call"], deny: ["proxy_http_call"] } },
  };
  assert.deepEqual(told(apart, ["registry.example/filters/f", "registry.example/filters/g", "registry.example/x"]), [
    "warn WasmPolicies a and b have no value of slots in common: no filter can hold to both",
    "warn WasmPolicies a and b have no value of failurePolicies in common: no filter can hold to both",
    "warn WasmPolicies a and b allow no image in common: no filter can hold to both",
    "warn WasmPolicy c both allow and deny proxy_http_call: it is denied",
  ]);
});

test("however many there are, a page of them is told", () => {
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`p${index}`, { slots: [`s${index}`] }]));
  const lines = told(many);
  assert.equal(lines.length, 21);
  assert.match(lines[20] ?? "", /^warn and 4930 more about policies$/);
});
