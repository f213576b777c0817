import { clip, count } from "../../base/text.ts";
import type { WasmPolicyStatus, WasmPolicyStatusCondition } from "../../model/gen/wasmpolicy.ts";
import type { Policy, Violation } from "../../model/policy.ts";
import type { Result } from "../../model/result.ts";
import { describeViolations } from "./judge.ts";

/** A filter of a namespace that a policy is for, with what it does against that policy. */
export interface JudgedFilter {
  readonly namespace: string;
  readonly name: string;
  /** False until it was judged by what holds now. */
  readonly isJudged: boolean;
  readonly violations: readonly Violation[];
}

export interface PolicyReport {
  readonly generation: number;
  readonly policy: Result<Policy>;
  /** Of the namespaces that it is for. */
  readonly filters: readonly JudgedFilter[];
  /** RFC 3339. */
  readonly now: string;
}

/** Filters that the status names. */
const NAMED = 10;
const LONGEST = 1_024;

/** The status of a policy. A condition keeps its lastTransitionTime while its status stays. */
export function policyStatus({ generation, policy, filters, now }: PolicyReport, previous: WasmPolicyStatus | undefined): WasmPolicyStatus {
  const violating = filters.filter(({ violations }) => violations.length > 0).sort(byName);
  const condition = (
    type: string,
    verdict: Pick<WasmPolicyStatusCondition, "status" | "reason" | "message">,
  ): WasmPolicyStatusCondition => {
    const before = previous?.conditions?.find((each) => each.type === type);
    const lastTransitionTime = before?.status === verdict.status ? before.lastTransitionTime : now;
    return { type, ...verdict, observedGeneration: generation, lastTransitionTime };
  };
  if (!policy.ok) {
    const message = clip(`${policy.error.message}; nothing new goes out in the namespaces that it is for`, LONGEST);
    return {
      observedGeneration: generation,
      conditions: [condition("Accepted", { status: "False", reason: policy.error.reason, message })],
    };
  }
  return {
    observedGeneration: generation,
    filters: filters.length,
    violating: violating.length,
    ...(violating.length === 0 ? {} : { violations: violating.slice(0, NAMED).map(shown) }),
    conditions: [
      condition("Accepted", { status: "True", reason: "Accepted", message: "the policy is valid" }),
      condition("Satisfied", satisfied(violating.length, filters)),
    ],
  };
}

function satisfied(violating: number, filters: readonly JudgedFilter[]): Pick<WasmPolicyStatusCondition, "status" | "reason" | "message"> {
  const all = filters.length;
  const open = filters.filter(({ isJudged }) => !isJudged).length;
  if (violating === 0 && open > 0) {
    const message = `${open} of ${count(all, "filter")} are not judged yet; their conditions say why`;
    return { status: "Unknown", reason: "NotJudged", message };
  }
  if (all === 0) return { status: "True", reason: "NoFilters", message: "there is no filter in the namespaces that it is for" };
  if (violating === 0) return { status: "True", reason: "Satisfied", message: `${count(all, "filter")}, and none violates it` };
  return { status: "False", reason: "Violated", message: `${violating} of ${count(all, "filter")} violate it` };
}

function shown({ namespace, name, violations }: JudgedFilter) {
  return { namespace, name, message: clip(describeViolations(violations), LONGEST) };
}

function byName(a: JudgedFilter, b: JudgedFilter): number {
  const [left, right] = [`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`];
  return left < right ? -1 : left > right ? 1 : 0;
}
