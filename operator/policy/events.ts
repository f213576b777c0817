import type { Violation } from "../../model/policy.ts";
import type { FilterEvent } from "../source/source.ts";
import { describeViolations } from "./judge.ts";
import type { Judgement } from "./permits.ts";

/** Reason of what violates a policy that is only audited. */
export const AUDITED = "AuditedViolation";

/** What is told of violations that are only audited; `undefined`: there are none, or they were told before. */
export function auditEvent(before: Judgement | undefined, now: Judgement): FilterEvent | undefined {
  const message = describeViolations(audited(now.violations));
  if (message === "" || (before !== undefined && message === describeViolations(audited(before.violations)))) return undefined;
  return { type: "Warning", reason: AUDITED, message };
}

export function audited(violations: readonly Violation[]): readonly Violation[] {
  return violations.filter(({ mode }) => mode === "Audit");
}
