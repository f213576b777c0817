import assert from "node:assert/strict";
import { test } from "node:test";
import type { Policies } from "../source/policies.ts";
import { policiesOf } from "../testing/policies.ts";
import { createPolicyBook, NO_RULES } from "./book.ts";

const names = (rules: ReturnType<ReturnType<typeof createPolicyBook>["rulesOf"]>) =>
  rules.known ? rules.policies.map(({ name }) => name).join() : `unknown: ${rules.why}`;

test("a namespace has the policies whose selectors match its labels, and its own name among them", () => {
  const selector = (key: string, value: string) => ({ matchLabels: { [key]: value } });
  const specs = {
    all: { urls: "Deny" as const },
    team: { urls: "Deny" as const, namespaceSelector: selector("team", "a") },
    shop: { urls: "Deny" as const, namespaceSelector: selector("kubernetes.io/metadata.name", "shop") },
  };
  const policies = policiesOf(specs, { bank: { team: "a", "kubernetes.io/metadata.name": "shop" } });
  const book = createPolicyBook(() => policies);
  assert.deepEqual(
    ["shop", "bank", "other"].map((namespace) => names(book.rulesOf(namespace))),
    ["all,shop", "all,team", "all"],
  );
});

test("rules stay the same object while what holds is the same, whatever else changes", () => {
  let policies: Policies = policiesOf({ a: { urls: "Deny", namespaceSelector: { matchLabels: { team: "a" } } } }, { shop: { team: "a" } });
  const book = createPolicyBook(() => policies);
  const before = book.rulesOf("shop");
  policies = { ...policies };
  assert.equal(book.rulesOf("shop"), before);
  policies = { objects: policies.objects, labels: () => ({ team: "a", other: "b" }) };
  assert.equal(book.rulesOf("shop"), before);
  policies = { objects: policies.objects, labels: () => ({ team: "b" }) };
  assert.equal(book.rulesOf("shop"), NO_RULES);
  policies = { objects: new Map(), labels: () => undefined };
  assert.equal(book.rulesOf("shop"), NO_RULES);
});

test("labels that are not known hold a namespace only where a policy asks for more than its name", () => {
  const unlabelled = (specs: Parameters<typeof policiesOf>[0]) => {
    const policies: Policies = { ...policiesOf(specs), labels: () => undefined };
    return names(createPolicyBook(() => policies).rulesOf("shop"));
  };
  assert.equal(unlabelled({ a: { urls: "Deny" } }), "a");
  const byName = { key: "kubernetes.io/metadata.name", operator: "In" as const, values: ["shop"] };
  assert.equal(unlabelled({ a: { urls: "Deny", namespaceSelector: { matchExpressions: [byName] } } }), "a");
  const byLabel = { key: "team", operator: "DoesNotExist" as const };
  assert.equal(
    unlabelled({ a: { urls: "Deny" }, b: { urls: "Deny", namespaceSelector: { matchExpressions: [byLabel] } } }),
    "unknown: the labels of namespace shop are not known yet",
  );
});

test("one policy that cannot be read holds its namespaces, and the others are known all the same", () => {
  const broken = { maxModuleSize: "big", namespaceSelector: { matchLabels: { team: "a" } } };
  const policies = policiesOf({ broken, good: { urls: "Deny" } }, { shop: { team: "a" } });
  const book = createPolicyBook(() => policies);
  const rules = book.rulesOf("shop");
  assert.ok(!rules.known);
  assert.match(rules.why, /^WasmPolicy broken cannot be read: spec\.maxModuleSize: /);
  assert.deepEqual(
    rules.policies.map(({ name }) => name),
    ["good"],
  );
  assert.equal(names(book.rulesOf("bank")), "good");
});
