import assert from "node:assert/strict";
import { test } from "node:test";
import { type Crd, type CrdSchema, narrowings } from "./narrowing.ts";

const crd = (
  schema: CrdSchema,
  more: { readonly scope?: string; readonly shortNames?: readonly string[]; readonly status?: boolean } = {},
): Crd => ({
  metadata: { name: "things.weir.dev" },
  spec: {
    scope: more.scope ?? "Namespaced",
    names: { kind: "Thing", shortNames: more.shortNames ?? ["th"] },
    versions: [
      { name: "v1", served: true, subresources: more.status === false ? {} : { status: {} }, schema: { openAPIV3Schema: schema } },
    ],
  },
});

const inner = (name: string, schema: CrdSchema): CrdSchema => ({ type: "object", properties: { [name]: schema } });
const within = (schema: CrdSchema): CrdSchema => ({ type: "object", properties: { a: schema } });
const of = (before: CrdSchema, now: CrdSchema) => narrowings(crd(within(before)), crd(within(now)));

test("additions are none: fields, values, wider bounds, less that is required, a first default, a rule of a new field", () => {
  const before: CrdSchema = {
    type: "object",
    required: ["name"],
    properties: {
      name: { type: "string", maxLength: 10, minLength: 2, pattern: "^a" },
      mode: { type: "string", enum: ["A", "B"] },
      count: { type: "integer", minimum: 1, maximum: 5 },
      list: { type: "array", maxItems: 3, items: { type: "string", maxLength: 3 } },
      map: { type: "object", additionalProperties: { type: "string" } },
    },
    "x-kubernetes-validations": [{ rule: "self.a" }, { rule: "self.b" }],
  };
  const now: CrdSchema = {
    type: "object",
    properties: {
      name: { type: "string", maxLength: 20, minLength: 1, default: "x" },
      mode: { type: "string", enum: ["A", "B", "C"] },
      count: { type: "number", minimum: 0 },
      list: { type: "array", maxItems: 9, items: { type: "string" } },
      map: { type: "object", additionalProperties: { type: "string" } },
      added: { type: "object", required: ["x"], properties: { x: { type: "string" } }, "x-kubernetes-validations": [{ rule: "self.x" }] },
    },
    "x-kubernetes-validations": [{ rule: "self.a" }, { rule: "!has(self.added) || self.mode == 'C'" }],
  };
  assert.deepEqual(of(before, now), []);
});

test("a default of a rollout that code fills in may go, and not change", () => {
  const schema = (field: CrdSchema) => crd(inner("spec", inner("rollout", inner("autoRollback", field))));
  assert.deepEqual(narrowings(schema({ default: true }), schema({})), []);
  assert.deepEqual(narrowings(schema({ default: true }), schema({ default: false })), [
    "spec.rollout.autoRollback: default is false, was true",
  ]);
});

test("a default below a list may go, and not change; elsewhere it stays", () => {
  const list = (field: CrdSchema): CrdSchema => ({ type: "array", items: within(field) });
  assert.deepEqual(of(list({ default: 1 }), list({})), []);
  assert.deepEqual(of(list({ default: 1 }), list({ default: 2 })), ["a[].a: default is 2, was 1"]);
  assert.deepEqual(of(within({ default: 1 }), within({})), ["a.a: default is not there, was 1"]);
});

for (const [what, before, now, says] of [
  ["a type", { type: "string" }, { type: "integer" }, 'a: type is "integer", was "string"'],
  ["a number that becomes an integer", { type: "number" }, { type: "integer" }, 'a: type is "integer", was "number"'],
  ["a field", within({ type: "string" }), { type: "object" }, "a.a: is gone"],
  ["a field that is required", { type: "object" }, { type: "object", required: ["x"] }, "a.x: is required"],
  ["a lower maximum", { maximum: 5 }, { maximum: 4 }, "a: maximum is 4, was 5"],
  ["a first maximum", {}, { maxLength: 4 }, "a: maxLength is 4, was not there"],
  ["a higher minimum", { minItems: 1 }, { minItems: 2 }, "a: minItems is 2, was 1"],
  [
    "a rule of a field that is there already",
    within({}),
    { ...within({}), "x-kubernetes-validations": [{ rule: "!has(self.a) || self.a == 1" }] },
    "a: a new rule !has(self.a) || self.a == 1",
  ],
  [
    "a rule that speaks of a new field and holds for others too",
    within({}),
    { ...within({}), "x-kubernetes-validations": [{ rule: "!has(self.b) || self.b ? self.a : true" }] },
    "a: a new rule !has(self.b) || self.b ? self.a : true",
  ],
  ["a pattern", {}, { pattern: "^a" }, 'a: pattern is "^a", was not there'],
  ["another pattern", { pattern: "^b" }, { pattern: "^a" }, 'a: pattern is "^a", was "^b"'],
  ["a value of an enum", { enum: ["A", "B"] }, { enum: ["B"] }, 'a: "A" is not taken any more'],
  ["a first enum", {}, { enum: ["B"] }, 'a: takes "B" only'],
  ["another default", { default: 1 }, { default: 2 }, "a: default is 2, was 1"],
  ["a default that is gone", { default: 1 }, {}, "a: default is not there, was 1"],
  ["a rule", {}, { "x-kubernetes-validations": [{ rule: "self.x" }] }, "a: a new rule self.x"],
  ["nullable", { nullable: true }, {}, "a: nullable is not there, was true"],
  [
    "the kind of a list",
    { "x-kubernetes-list-type": "map" },
    { "x-kubernetes-list-type": "atomic" },
    'a: x-kubernetes-list-type is "atomic", was "map"',
  ],
  [
    "unknown fields",
    { "x-kubernetes-preserve-unknown-fields": true },
    {},
    "a: x-kubernetes-preserve-unknown-fields is not there, was true",
  ],
  ["an element", { items: { maxLength: 5 } }, { items: { maxLength: 4 } }, "a[]: maxLength is 4, was 5"],
  [
    "a value of a map",
    { additionalProperties: { maxLength: 5 } },
    { additionalProperties: { maxLength: 4 } },
    "a{}: maxLength is 4, was 5",
  ],
  ["a map", { additionalProperties: { type: "string" } }, {}, "a: other names are not taken any more"],
  ["any map", { additionalProperties: true }, { additionalProperties: { type: "string" } }, "a: other names are not taken any more"],
] as readonly (readonly [string, CrdSchema, CrdSchema, string])[])
  test(`finds ${what}`, () => assert.deepEqual(of(before, now), [says]));

test("finds what is about the whole kind", () => {
  assert.deepEqual(narrowings(crd({}), crd({}, { scope: "Cluster", shortNames: [], status: false })), [
    "scope is Cluster, was Namespaced",
    "short name th is gone",
    "subresource status is gone",
  ]);
  const { spec, metadata } = crd({});
  assert.deepEqual(narrowings(crd({}), { metadata, spec: { ...spec, versions: [] } }), ["version v1 is gone"]);
});
