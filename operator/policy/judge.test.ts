import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { WasmPolicySpec } from "../../model/gen/wasmpolicy.ts";
import type { Policy } from "../../model/policy.ts";
import { parsePolicy } from "../parse/policy.ts";
import { JUDGED, subject } from "./judge.cases.ts";
import { describeViolation, describeViolations, enforced, judge, permitted } from "./judge.ts";
import { RULES } from "./rules.ts";

function policyOf(spec: WasmPolicySpec, name = "base"): Policy {
  const parsed = parsePolicy({ apiVersion: "weir.dev/v1alpha1", kind: "WasmPolicy", metadata: { name }, spec });
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.value;
}

describe("what one policy says of one filter", () => {
  for (const { name, spec, subject, says } of JUDGED)
    test(name, () => assert.deepEqual(judge([policyOf(spec)], subject).map(describeViolation), says));

  test("every rule is broken by a case", () => {
    const broken = new Set(JUDGED.flatMap(({ spec, subject }) => judge([policyOf(spec)], subject).map(({ rule }) => rule)));
    assert.deepEqual([...broken].sort(), Object.keys(RULES).sort());
  });
});

describe("several policies", () => {
  test("add up: each one says what it would alone, so one more never allows more", () => {
    // Every pair and the whole of the table, in both orders, against every filter of it.
    const policies = JUDGED.map(({ spec }, index) => policyOf(spec, `p${index}`));
    for (const each of JUDGED.map(({ subject }) => subject)) {
      const alone = policies.map((policy) => judge([policy], each));
      assert.deepEqual(judge(policies, each), alone.flat());
      for (const [a, first] of policies.entries())
        for (const [b, second] of policies.entries()) {
          const both = judge([first, second], each);
          assert.deepEqual(both, [...(alone[a] ?? []), ...(alone[b] ?? [])]);
          assert.ok(permitted(alone[a] ?? []).ok || !permitted(both).ok);
        }
    }
  });

  test("what is known later never takes back what was said before", () => {
    for (const { spec, subject: whole } of JUDGED) {
      const { size: _, proved: __, unsigned: ___, ...known } = whole;
      const early = judge([policyOf(spec)], known).map(describeViolation);
      const late = judge([policyOf(spec)], whole).map(describeViolation);
      assert.ok(
        early.every((said) => late.includes(said)),
        `${early} then ${late}`,
      );
    }
  });

  test("one that is audited keeps nothing from going out", () => {
    const audited = judge([policyOf({ slots: ["edge"], mode: "Audit" })], subject());
    assert.equal(audited.length, 1);
    assert.deepEqual(enforced(audited), []);
    assert.ok(permitted(audited).ok);
  });

  test("are told in bounds, however many and however long", () => {
    const policies = Array.from({ length: 50 }, (_, index) =>
      policyOf({ slots: Array.from({ length: 64 }, (_, n) => `s${n}-${"x".repeat(50)}`) }, `${"p".repeat(200)}${index}`),
    );
    const text = describeViolations(judge(policies, subject()));
    assert.ok(text.length < 6_000 && text.endsWith(" | and 40 more"), `${text.length} ${text.slice(-100)}`);
  });
});
