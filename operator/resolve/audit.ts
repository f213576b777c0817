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

/** Looks at the signatures that audited policies ask for, in one look at the registry. Fails in no case: it only tells. */
export async function auditSignatures(
  filter: Filter,
  image: Judged,
  revisions: readonly Revision[],
  deps: VerifyDeps,
  signal?: AbortSignal,
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
  const judged = await judgeEach(filter, image, requirements, revisions, deps, signal);
  const verdicts: Verdict[] = [];
  for (const [index, { policy, requirement }] of asked.entries()) {
    const each = judged.ok
      ? judged.value[index]
      : { ok: false as const, error: { ...judged.error, message: `${requirement.origin}: ${judged.error.message}` } };
    if (each?.ok === true) verdicts.push(each.value);
    else note(policy, each?.error.message ?? "");
  }
  return { verdicts, unsigned };
}
