import type { Filter } from "../../model/filter.ts";
import type { Violation } from "../../model/policy.ts";
import type { Failure } from "../../model/result.ts";
import { judge, permitted } from "../policy/judge.ts";
import { type Judgement, type Permits, unknownPolicies } from "../policy/permits.ts";
import type { ProvedModule, Subject } from "../policy/subject.ts";

/** A filter that stopped at a policy, or before it was known what policies say. */
export interface NotPermitted {
  readonly ok: false;
  readonly stage: "permit";
  readonly error: Failure;
  /** Absent while policies are not known. */
  readonly judgement?: Judgement;
}

/** Judges one filter by the policies of its namespace, again and again as more of it becomes known. */
export interface Judging {
  /** `undefined`: as far as it is known, it may go out. */
  with(more: Pick<Subject, "size" | "unsigned" | "proved">): NotPermitted | undefined;
  /** True where it must be known how long the module loads. */
  readonly needsLoad: boolean;
  /** What was found so far. */
  readonly judgement: Judgement;
}

/** Begins with what the spec says. */
export function judgeFilter(filter: Filter, permits: Permits): Judging | NotPermitted {
  const rules = permits.rulesOf(filter.key.namespace);
  if (!rules.known) return { ok: false, stage: "permit", error: unknownPolicies(rules.why) };
  const { policies } = rules;
  let subject = permits.subjectOf(filter, policies);
  let violations: readonly Violation[] = [];
  const judging: Judging = {
    needsLoad: policies.some(({ maxLoadMs }) => maxLoadMs !== undefined),
    get judgement() {
      return { rules, violations };
    },
    with(more) {
      subject = { ...subject, ...more };
      violations = judge(policies, subject);
      const result = permitted(violations);
      return result.ok ? undefined : { ok: false, stage: "permit", error: result.error, judgement: judging.judgement };
    },
  };
  return judging.with({}) ?? judging;
}

/** What a kept revision is known to do. */
export function provedOf(imports: readonly string[], loadMs: number | undefined): { readonly proved: ProvedModule } {
  return { proved: { imports, loadMs } };
}
