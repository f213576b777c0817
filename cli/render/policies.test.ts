import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { WasmPolicy } from "../../model/gen/wasmpolicy.ts";
import { ago, NOW } from "../testing/fixtures.ts";
import { createPaint } from "./paint.ts";
import { renderPolicies, renderPolicy } from "./policies.ts";

const plain = createPaint(false);

const base: WasmPolicy = {
  metadata: { name: "base", creationTimestamp: ago(86_400) },
  spec: {
    namespaceSelector: { matchLabels: { team: "payments" }, matchExpressions: [{ key: "tier", operator: "NotIn", values: ["a", "b"] }] },
    images: [{ pattern: "registry.example/f/**", digestOnly: true, verify: [{ cosign: { publicKey: "x" } }] }, { pattern: "r/*" }],
    capabilities: { deny: ["proxy_http_call"] },
    slots: ["default", "auth"],
    maxFiltersPerSlot: 8,
  },
  status: {
    filters: 14,
    violating: 12,
    violations: [
      { namespace: "shop", name: "add-header", message: "spec.slot: slot x is not allowed (WasmPolicy base, rule slots)" },
      { namespace: "shop", name: "b", message: "spec.url: URLs are not allowed" },
    ],
    conditions: [
      { type: "Accepted", status: "True", reason: "Accepted", message: "the policy is valid", lastTransitionTime: ago(86_400) },
      { type: "Satisfied", status: "False", reason: "Violated", message: "12 of 14 filters violate it", lastTransitionTime: ago(60) },
    ],
  },
};
const fresh: WasmPolicy = { metadata: { name: "fresh" }, spec: { urls: "Deny", mode: "Audit" } };
const options = { now: NOW, isWide: false, knowsStatus: true };

describe("weir get wasmpolicies", () => {
  test("prints the columns of kubectl get wpol, and with -o wide for whom and what", () => {
    assert.equal(renderPolicies([base, fresh], options), NARROW);
    assert.equal(renderPolicies([base, fresh], { ...options, isWide: true, knowsStatus: false }), WIDE);
  });
});

describe("weir describe wasmpolicy", () => {
  test("tells for which namespaces, what it asks for, and which filters it refuses", () => {
    assert.equal(renderPolicy(base, options, plain), DESCRIBED);
  });

  test("of one that is audited tells what it audits; of one that cannot be read, why; without a status, that", () => {
    const audited = renderPolicy({ ...base, spec: { ...base.spec, mode: "Audit" } }, options, plain);
    assert.match(audited, /^base \(Audit\) {2}Violated: 12 of 14[\s\S]*\nAudits\n {2}shop\/add-header {2}spec\.slot/);
    const conditions = [
      { type: "Accepted", status: "False", reason: "InvalidSpec", message: "spec.x: no\nfield", lastTransitionTime: ago(1) },
    ] as const;
    assert.match(
      renderPolicy({ ...fresh, status: { conditions } }, options, plain),
      /^fresh \(Audit\) {2}Not accepted \(InvalidSpec\): spec\.x: no field\n/,
    );
    assert.match(renderPolicy(fresh, options, plain), /no status yet.*\n\nNamespaces {2}every namespace\n\nRules\n {2}urls {2}Deny\n$/);
    assert.match(renderPolicy(fresh, { ...options, knowsStatus: false }, plain), /status not known/);
  });

  test("a spec that is wrong in any way is shown as far as it goes", () => {
    const wrong = { metadata: { name: "wrong" }, spec: { images: [null, 5], namespaceSelector: "x", slots: null, maxLoad: { a: 1 } } };
    assert.match(renderPolicy(wrong as unknown as WasmPolicy, options, plain), /maxLoad {2}\{"a":1\}/);
    assert.match(renderPolicies([{ metadata: { name: "none" } } as WasmPolicy], { ...options, isWide: true }), /none {2}Enforce/);
  });
});

const NARROW = `NAME   MODE     FILTERS  VIOLATING  ACCEPTED  AGE
base   Enforce  14       12         True      24h
fresh  Audit    -        -          Unknown   <unknown>
`;

const WIDE = `NAME   MODE     FILTERS  VIOLATING  ACCEPTED  AGE        NAMESPACES                       RULES
base   Enforce  14       12         True      24h        team=payments,tier notin (a, b)  images,capabilities,slots,maxFiltersPerSlot
fresh  Audit    -        -          NotKnown  <unknown>  every namespace                  urls
`;

const DESCRIBED = `base (Enforce)  Violated: 12 of 14 filters violate it

Namespaces  team=payments,tier notin (a, b)

Rules
  images             registry.example/f/** (digests only, 1 signature) | r/*
  capabilities       {"deny":["proxy_http_call"]}
  slots              default, auth
  maxFiltersPerSlot  8

Refuses
  shop/add-header  spec.slot: slot x is not allowed (WasmPolicy base, rule slots)
  shop/b           spec.url: URLs are not allowed
  and 10 more filters; \`weir get -A\` and their condition Permitted tell

Conditions
  TYPE       STATUS  SINCE  REASON    MESSAGE
  Accepted   True    24h    Accepted  the policy is valid
  Satisfied  False   60s    Violated  12 of 14 filters violate it
`;
