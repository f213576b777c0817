import { abortAfter, type Clock } from "../../model/clock.ts";
import type { Filter } from "../../model/filter.ts";
import { ok, type Result } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";
import { MAX_REQUIREMENTS, type Verdict, type VerifyRequirement } from "../../model/verify.ts";
import { auditedRequirement } from "./requirements.ts";
import { type Judged, type Verified, type VerifyDeps, verify } from "./verify.ts";

/** What became of signatures that policies ask for which are only audited. */
export interface Audit {
  readonly verdicts: readonly Verdict[];
  /** Policy -> why the first that does not hold does not. What cannot be told now is in it: enforced, nothing would go out either. */
  readonly unsigned: ReadonlyMap<string, string>;
}

/** What only tells may hold a filter up for no longer. */
const AUDIT_MS = 10_000;

/** What a policy asks for that is only audited. */
interface Asked {
  readonly policy: string;
  readonly requirement: VerifyRequirement;
}

/**
 * Judges the image by all that is demanded of it, and tells of the signatures that audited policies ask for, in one look at the registry. Fails as `verify` does, and
 * never for what is audited.
 */
export async function verifyAndAudit(
  filter: Filter,
  image: Judged,
  revisions: readonly Revision[],
  deps: VerifyDeps & { readonly clock: Clock },
  signal: AbortSignal,
): Promise<Result<Verified & { readonly audit: Audit }>> {
  const unsigned = new Map<string, string>();
  const note = (policy: string, message: string) => void (unsigned.has(policy) || unsigned.set(policy, message));
  const asked = await askedOf(filter, deps, note);
  const late = abortAfter(deps.clock, AUDIT_MS);
  const audited = { requirements: asked.map(({ requirement }) => requirement), signal: late.signal };
  const verified = await verify(filter, image, revisions, deps, signal, audited).finally(() => late.cancel());
  if (!verified.ok) return verified;
  const tooLate = `the signatures could not be judged within ${AUDIT_MS / 1_000} s`;
  const verdicts: Verdict[] = [];
  for (const [index, { policy, requirement }] of asked.entries()) {
    const each = verified.value.audited[index];
    if (each?.ok === true) verdicts.push(each.value);
    else note(policy, late.signal.aborted ? `${requirement.origin}: ${tooLate}` : withOrigin(requirement, each?.error.message ?? ""));
  }
  return ok({ ...verified.value, audit: { verdicts, unsigned } });
}

/** What audited policies ask for, its keys and trust roots read. Notes what cannot be judged. */
async function askedOf(filter: Filter, deps: VerifyDeps, note: (policy: string, message: string) => void): Promise<readonly Asked[]> {
  const demands = deps.permits.demandsOf(filter, "Audit");
  for (const { policy } of demands.slice(MAX_REQUIREMENTS))
    note(policy, `more than ${MAX_REQUIREMENTS} signatures are asked for; ask for fewer`);
  const asked: Asked[] = [];
  for (const demand of demands.slice(0, MAX_REQUIREMENTS)) {
    const { policy } = demand;
    const requirement = await auditedRequirement(demand, filter.key.namespace, deps);
    if (requirement.ok) asked.push({ policy, requirement: requirement.value });
    else note(policy, requirement.error.message);
  }
  return asked;
}

/** What broke the whole look off does not say where it is asked for. */
function withOrigin({ origin }: VerifyRequirement, message: string): string {
  return message.startsWith(`${origin}: `) ? message : `${origin}: ${message}`;
}
