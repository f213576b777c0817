import type { Digest } from "../../model/digest.ts";
import type { Filter } from "../../model/filter.ts";
import type { Failure } from "../../model/result.ts";
import { isTakenBack, type Revision } from "../../model/revision.ts";
import type { Verdict, VerifyRequirement } from "../../model/verify.ts";
import type { RevisionIdentity } from "../filter/revision-identity.ts";
import { revisionOf } from "../filter/revisions.ts";
import type { RolloutState } from "../rollout/state.ts";
import { reconfigure } from "./configure.ts";
import { requirementsOf } from "./requirements.ts";
import { judge, type VerifyDeps } from "./verify.ts";

/** A revision to go back to, whole, and why it holds. */
export interface Fallback {
  readonly revision: Revision;
  readonly verdicts: readonly Verdict[];
}

export interface Rejudged {
  /** Why the spec's image is refused, and what became of what runs. */
  readonly error: Failure;
  readonly fallback?: Fallback;
}

export interface RejudgeDeps extends VerifyDeps {
  readonly identity: RevisionIdentity;
}

/** Revisions that are looked at for one to go back to. */
const MAX_LOOKED_AT = 10;

/**
 * The image that the spec leads to (`refused`) lacks a signature that is demanded: whether what runs has them, and where it does not and the spec says so, the
 * last revision that has. What a registry does not tell now is not held against a revision.
 */
export async function rejudge(
  filter: Filter,
  { revisions, rollout }: { readonly revisions: readonly Revision[]; readonly rollout: RolloutState },
  refused: { readonly digest: Digest | undefined; readonly error: Failure },
  deps: RejudgeDeps,
  signal?: AbortSignal,
): Promise<Rejudged> {
  const { error } = refused;
  const requirements = await requirementsOf(filter, deps);
  if (!requirements.ok) return { error };
  const running = runningOf(revisions, rollout);
  const lacking: Revision[] = [];
  for (const revision of running) {
    const lacks = revision.digest === refused.digest || (await isRefused(filter, revision, requirements.value, revisions, deps, signal));
    if (lacks) lacking.push(revision);
  }
  const [first] = lacking;
  if (first === undefined) return { error };
  const which = `revision ${first.number}, which runs, does not have what is asked for`;
  if (filter.whenUnverified === "Keep") return { error: withWords(error, `${which}, and is kept (spec.whenUnverified)`) };
  const fallback = await findFallback(filter, lacking, { revisions, rollout }, requirements.value, deps, signal);
  if (fallback === undefined) return { error: withWords(error, `${which}, and is kept: no earlier one has it`) };
  return { error: withWords(error, `${which}: revision ${fallback.revision.number}, which has it, takes its place`), fallback };
}

/** The target while it goes out, and stable. */
function runningOf(revisions: readonly Revision[], { phase, target, stable }: RolloutState): readonly Revision[] {
  const numbers = new Set([phase === "Progressing" ? target : undefined, stable]);
  return [...numbers].flatMap((number) => revisionOf({ revisions }, number) ?? []);
}

async function isRefused(
  filter: Filter,
  revision: Revision,
  requirements: readonly VerifyRequirement[],
  revisions: readonly Revision[],
  deps: RejudgeDeps,
  signal?: AbortSignal,
): Promise<boolean> {
  const verdict = await judge(filter, revision, requirements, revisions, deps, signal);
  return !verdict.ok && !verdict.error.retryable;
}

/** The newest revision that has every signature, never failed, and can be served: stable before all others. */
async function findFallback(
  filter: Filter,
  lacking: readonly Revision[],
  { revisions, rollout }: { readonly revisions: readonly Revision[]; readonly rollout: RolloutState },
  requirements: readonly VerifyRequirement[],
  deps: RejudgeDeps,
  signal?: AbortSignal,
): Promise<Fallback | undefined> {
  const digests = new Set(lacking.map(({ digest }) => digest));
  const sound = ({ number, digest }: Revision) => !digests.has(digest) && !isTakenBack(rollout.outcomes.get(number)?.result);
  const order = revisions.filter(sound).sort((a, b) => rank(b, rollout) - rank(a, rollout));
  for (const kept of order.slice(0, MAX_LOOKED_AT)) {
    const verdict = await judge(filter, kept, requirements, revisions, deps, signal);
    const revision = verdict.ok ? await reconfigure(filter.key, kept, deps) : undefined;
    if (verdict.ok && revision !== undefined) return { revision, verdicts: verdict.value };
  }
  return undefined;
}

function rank({ number }: Revision, { stable }: RolloutState): number {
  return number === stable ? Number.POSITIVE_INFINITY : number;
}

function withWords(error: Failure, words: string): Failure {
  return { ...error, message: `${error.message}; ${words}` };
}
