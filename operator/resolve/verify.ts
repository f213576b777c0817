import type { Digest } from "../../model/digest.ts";
import type { Filter } from "../../model/filter.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";
import {
  type Audited,
  everyVerdict,
  requirementId,
  type SignedBy,
  signedBy,
  type Verdict,
  type Verifier,
  type VerifyOptions,
  type VerifyRequirement,
} from "../../model/verify.ts";
import { type CredentialsDeps, pullKeychain } from "./credentials.ts";
import { type RequirementDeps, requirementsOf } from "./requirements.ts";

export interface VerifyDeps extends CredentialsDeps, RequirementDeps {
  readonly source: RequirementDeps["source"];
  readonly verifier: Verifier;
}

/** An image to judge. */
export interface Judged {
  readonly image: string;
  readonly digest: Digest;
}

/** All that is demanded of an image, which holds. */
export interface Verified {
  /** In the order of what is demanded. */
  readonly verdicts: readonly Verdict[];
  /** The same, for people. */
  readonly signatures: readonly SignedBy[];
  /** Of each that is only audited: its verdict, or why there is none. */
  readonly audited: readonly Result<Verdict>[];
}

/**
 * Judges the image that a spec leads to by all that is demanded of it, and by what is only audited, in one look at the registry. Of what holds by the filter's
 * history, no registry is asked.
 */
export async function verify(
  filter: Filter,
  image: Judged,
  revisions: readonly Revision[],
  deps: VerifyDeps,
  signal?: AbortSignal,
  audit?: Audited,
): Promise<Result<Verified>> {
  const requirements = await requirementsOf(filter, deps);
  if (!requirements.ok) return requirements;
  if (requirements.value.length > 0 && filter.source.kind === "url")
    return fail(
      "SignatureNotFound",
      "spec.verify asks for signatures, and a module at a URL has none; push it to a registry and use spec.image",
    );
  const judged = await judgeEach(filter, image, requirements.value, revisions, deps, signal, audit);
  if (!judged.ok) return judged;
  const count = requirements.value.length;
  const verdicts = everyVerdict(judged.value.slice(0, count));
  if (!verdicts.ok) return verdicts;
  const signatures = signedBy(requirements.value, verdicts.value);
  return ok({ verdicts: verdicts.value, signatures, audited: judged.value.slice(count) });
}

/** The same for any image. */
export async function judge(
  filter: Filter,
  image: Judged,
  requirements: readonly VerifyRequirement[],
  revisions: readonly Revision[],
  deps: VerifyDeps,
  signal?: AbortSignal,
): Promise<Result<readonly Verdict[]>> {
  const judged = await judgeEach(filter, image, requirements, revisions, deps, signal);
  return judged.ok ? everyVerdict(judged.value) : judged;
}

/**
 * Judges each by itself, at the image's registry those that no kept verdict of this digest is for; then those that are audited. Fails as a whole where that cannot be read, but for
 * the sake of what is demanded alone.
 */
async function judgeEach(
  filter: Filter,
  { image, digest }: Judged,
  requirements: readonly VerifyRequirement[],
  revisions: readonly Revision[],
  deps: VerifyDeps,
  signal?: AbortSignal,
  audit?: Audited,
): Promise<Result<readonly Result<Verdict>[]>> {
  const kept = keptVerdicts(digest, revisions);
  const isUnknown = (requirement: VerifyRequirement) => !kept.has(requirementId(requirement));
  const open = requirements.filter(isUnknown);
  const audited = audit?.requirements.filter(isUnknown) ?? [];
  const asking = { ...(signal && { signal }), ...(audit && audited.length > 0 && { audit: { ...audit, requirements: audited } }) };
  const judged = open.length + audited.length === 0 ? ok([]) : await ask(filter, { image, digest }, open, deps, asking);
  if (!judged.ok && open.length > 0) return judged;
  const asked = new Map([...open, ...audited].map((requirement, index) => [requirement, judged.ok ? judged.value[index] : judged]));
  return ok(
    [...requirements, ...(audit?.requirements ?? [])].flatMap((requirement) => {
      const verdict = kept.get(requirementId(requirement));
      return verdict === undefined ? (asked.get(requirement) ?? []) : ok(verdict);
    }),
  );
}

async function ask(
  filter: Filter,
  { image, digest }: Judged,
  requirements: readonly VerifyRequirement[],
  deps: VerifyDeps,
  options: Pick<VerifyOptions, "signal" | "audit">,
): Promise<Result<readonly Result<Verdict>[]>> {
  const keychain = await pullKeychain(filter, deps, image);
  if (!keychain.ok) return keychain;
  return deps.verifier.verify(image, digest, requirements, { ...options, keychain: keychain.value, namespace: filter.key.namespace });
}

/** True where the filter's history alone says that all that is demanded of this digest holds. */
export async function isKnownToHold(
  filter: Filter,
  digest: Digest,
  revisions: readonly Revision[],
  deps: RequirementDeps,
): Promise<boolean> {
  const requirements = await requirementsOf(filter, deps);
  const kept = keptVerdicts(digest, revisions);
  return requirements.ok && requirements.value.every((requirement) => kept.has(requirementId(requirement)));
}

function keptVerdicts(digest: Digest, revisions: readonly Revision[]): ReadonlyMap<string, Verdict> {
  const verdicts = revisions.filter((revision) => revision.digest === digest).flatMap(({ verified = [] }) => verified);
  return new Map(verdicts.map((verdict) => [verdict.requirement, verdict]));
}
