import { clip } from "../../base/text.ts";
import type { Policy, PolicyRule, Violation } from "../../model/policy.ts";
import { fail, type Result } from "../../model/result.ts";
import { RULES } from "./rules.ts";
import type { Subject } from "./subject.ts";

/** Reason of a filter that stopped at a policy. */
export const VIOLATES = "PolicyViolation";

/** Violations that a message names; the others are counted. */
const MAX_SHOWN = 10;
/** Characters of one of them. */
const LONGEST = 512;

/**
 * What a filter does against policies, all of which are for its namespace. Each is judged by itself and all must hold, so one more never allows more.
 * What is not known of the filter yet is judged later.
 */
export function judge(policies: readonly Policy[], subject: Subject): readonly Violation[] {
  return policies.flatMap((policy) =>
    (Object.keys(RULES) as PolicyRule[]).flatMap((rule) => {
      const breach = RULES[rule](policy, subject);
      return breach === undefined ? [] : [{ policy: policy.name, mode: policy.mode, rule, ...breach }];
    }),
  );
}

/** Those that keep the filter from going out. */
export function enforced(violations: readonly Violation[]): readonly Violation[] {
  return violations.filter(({ mode }) => mode === "Enforce");
}

/** Fails with every violation of a policy that is enforced. */
export function permitted(violations: readonly Violation[]): Result<void> {
  const found = enforced(violations);
  return found.length === 0 ? { ok: true, value: undefined } : fail(VIOLATES, describeViolations(found));
}

/** `spec.image: registry.other/f is not allowed; ... (WasmPolicy base, rule images) | ...` */
export function describeViolations(violations: readonly Violation[]): string {
  const shown = violations.slice(0, MAX_SHOWN).map(describeViolation);
  const more = violations.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join(" | ");
}

export function describeViolation({ policy, mode, rule, field, message }: Violation): string {
  const audited = mode === "Audit" ? ", audited" : "";
  return `${field}: ${clip(message, LONGEST)} (WasmPolicy ${clip(policy, 63)}, rule ${rule}${audited})`;
}
