import { abortAfter, type Clock } from "../../model/clock.ts";
import type { Filter } from "../../model/filter.ts";
import type { Revision } from "../../model/revision.ts";
import { MAX_REQUIREMENTS, type Verdict, type VerifyRequirement } from "../../model/verify.ts";
import { auditedRequirement } from "./requirements.ts";
import { type Judged, judgeEach, type VerifyDeps } from "./verify.ts";

/** What became of signatures that policies ask for which are only audited. */
export interface Audit {
  readonly verdicts: readonly Verdict[];
  /** Policy -> why the first that does not hold does not. What cannot be told now is in it: enforced, nothing would go out either. */
  readonly unsigned: ReadonlyMap<string, string>;
}

/** What only tells may hold a filter up for no longer. */
const AUDIT_MS = 10_000;

/** Looks at the signatures that audited policies ask for, in one look at the registry. Fails in no case: it only tells. */
export async function auditSignatures(
  filter: Filter,
  image: Judged,
  revisions: readonly Revision[],
  deps: VerifyDeps & { readonly clock: Clock },
  signal: AbortSignal,
): Promise<Audit> {
  const unsigned = new Map<string, string>();
  const note = (policy: string, message: string) => void (unsigned.has(policy) || unsigned.set(policy, message));
  const demands = deps.permits.demandsOf(filter, "Audit");
  for (const { policy } of demands.slice(MAX_REQUIREMENTS))
    note(policy, `more than ${MAX_REQUIREMENTS} signatures are asked for; ask for fewer`);
  const asked: { readonly policy: string; readonly requirement: VerifyRequirement }[] = [];
  for (const demand of demands.slice(0, MAX_REQUIREMENTS)) {
    const { policy } = demand;
    const requirement = await auditedRequirement(demand, filter.key.namespace, deps);
    if (requirement.ok) asked.push({ policy, requirement: requirement.value });
    else note(policy, requirement.error.message);
  }
  const requirements = asked.map(({ requirement }) => requirement);
  const late = abortAfter(deps.clock, AUDIT_MS);
  const judged = await judgeEach(filter, image, requirements, revisions, deps, AbortSignal.any([signal, late.signal]));
  late.cancel();
  const tooLate = `the signatures could not be judged within ${AUDIT_MS / 1_000} s`;
  const verdicts: Verdict[] = [];
  for (const [index, { policy, requirement }] of asked.entries()) {
    const each = judged.ok ? judged.value[index] : undefined;
    if (each?.ok === true) verdicts.push(each.value);
    else if (late.signal.aborted) note(policy, `${requirement.origin}: ${tooLate}`);
    else note(policy, judged.ok ? (each?.error.message ?? "") : `${requirement.origin}: ${judged.error.message}`);
  }
  return { verdicts, unsigned };
}
