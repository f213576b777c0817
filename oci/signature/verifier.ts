import { setImmediate as nextTurn } from "node:timers/promises";
import { clip, oneLine } from "../../base/text.ts";
import type { Digest } from "../../model/digest.ts";
import { type Failure, fail, failForNow, ok, type Result } from "../../model/result.ts";
import { requirementId, type Verdict, type Verifier, type VerifyRequirement } from "../../model/verify.ts";
import { type OciOptions, openReference } from "../open.ts";
import type { RepositoryReader } from "../repository/repository.ts";
import { Broken } from "../repository/transfer.ts";
import { findSignatures, type PassedOver } from "./find.ts";
import { FAULT_REASONS, type Fault, type FoundSignature, fault } from "./found.ts";
import { checkIdentity } from "./identity.ts";
import { readPublicKey } from "./public-key.ts";
import { checkClaim, claimOf, isOfKind } from "./statement.ts";
import { readTrustRoot, type TrustRoot } from "./trust-root.ts";

/** All of one look at an image's signatures. */
const TIMEOUT_MS = 60_000;

/** Judges a signature by who made it. On success who that is. */
type Judge = (found: FoundSignature) => Promise<Result<string, Fault>>;

/** A requirement, and what was found for it so far. */
interface Open {
  readonly requirement: VerifyRequirement;
  readonly judge: Result<Judge>;
  /** Nothing waits for it once this fires. */
  readonly until: AbortSignal | undefined;
  verdict: Verdict | undefined;
  readonly faults: Fault[];
  /** Types of what is there besides. */
  readonly kinds: Set<string>;
}

/** The port `Verifier` for registries and image layout folders. */
export function createVerifier(options: OciOptions): Verifier {
  return {
    async verify(image, digest, requirements, { keychain, namespace, signal, audit }) {
      const open: Open[] = [];
      for (const requirement of [...requirements, ...(audit?.requirements ?? [])]) {
        await nextTurn();
        const until = open.length < requirements.length ? undefined : audit?.signal;
        open.push({ requirement, judge: judgeOf(requirement), until, verdict: undefined, faults: [], kinds: new Set() });
      }
      if (!open.some(isOpen)) return ok(open.map((each) => resultOf(each, NOTHING, "", false)));
      const opened = openReference(image, keychain, { ...options, ...(namespace !== undefined && { namespace }) });
      if (!opened.ok) return opened;
      const limit = AbortSignal.timeout(TIMEOUT_MS);
      const over = signal === undefined ? limit : AbortSignal.any([signal, limit]);
      const { repository } = opened.value;
      const passed = await judgeAll(repository, digest, open, over, audit?.signal);
      // What the minute's end broke off was too slow.
      const broken = passed.ok || limit.aborted ? undefined : passed;
      if (broken !== undefined && open.slice(0, requirements.length).some(isOpen)) return broken;
      const name = `${repository.name}@${digest}`;
      return ok(
        open.map((each) => (isOpen(each) ? broken : undefined) ?? resultOf(each, passed.ok ? passed.value : NOTHING, name, over.aborted)),
      );
    },
  };
}

const NOTHING: PassedOver = { unreadable: 0, beyond: 0 };

/** True where a signature may still decide it. */
function isOpen({ verdict, judge, until }: Open): boolean {
  return verdict === undefined && judge.ok && until?.aborted !== true;
}

/**
 * Judges what is stored beside an image, one after the other, until nothing waits for more. One of them is in memory at a time. Fails where the repository cannot be
 * read.
 */
async function judgeAll(
  repository: RepositoryReader,
  digest: Digest,
  open: readonly Open[],
  over: AbortSignal,
  late?: AbortSignal,
): Promise<Result<PassedOver>> {
  const enough = new AbortController();
  const onLate = () => open.some(isOpen) || enough.abort();
  late?.addEventListener("abort", onLate, { once: true });
  const found = findSignatures(repository, digest, AbortSignal.any([over, enough.signal]));
  try {
    let passed: PassedOver | undefined;
    while (passed === undefined && open.some(isOpen) && !over.aborted) passed = await judgeNext(found, digest, open, over);
    await found.return(NOTHING);
    return ok(passed ?? NOTHING);
  } catch (error) {
    if (error instanceof Broken) return { ok: false, error: error.failure };
    throw error;
  } finally {
    late?.removeEventListener("abort", onLate);
  }
}

/** What was passed over, once there is no other. Nothing of what is judged is kept when it returns. */
async function judgeNext(
  found: AsyncGenerator<FoundSignature, PassedOver>,
  digest: Digest,
  open: readonly Open[],
  over: AbortSignal,
): Promise<PassedOver | undefined> {
  const next = await found.next();
  if (next.done) return next.value;
  await judgeSignature(next.value, digest, open, over);
  return undefined;
}

/** What became of a requirement. */
function resultOf(open: Open, passed: PassedOver, image: string, isOver: boolean): Result<Verdict> {
  const { requirement, judge, verdict, until } = open;
  if (verdict !== undefined) return ok(verdict);
  // What is asked for is no key or no trust root.
  if (!judge.ok) return about(requirement, judge.error);
  return about(requirement, isOver || until?.aborted ? tooSlow(image) : refusal(open, passed, image));
}

/** Reads the key or the trust root of a requirement. Fails with `PublicKeyInvalid`, `TrustRootMissing` or `TrustRootInvalid`. */
function judgeOf({ signer }: VerifyRequirement): Result<Judge> {
  if (signer.kind === "key") {
    const key = readPublicKey(signer.publicKey);
    if (!key.ok) return key;
    const { check, id } = key.value;
    return ok(async (found) => {
      const checked = await check(found);
      return checked.ok ? ok(`key ${id}`) : checked;
    });
  }
  if (signer.trustRoot === undefined)
    return fail(
      "TrustRootMissing",
      "an identity is judged by a trust root, and there is none; name one in keyless.trustRoot, or start Weir with --trust-root",
    );
  const root: Result<TrustRoot> = readTrustRoot(signer.trustRoot);
  if (!root.ok) return root;
  return ok(async (found) => checkIdentity(found, signer, root.value));
}

/**
 * What one signature says for each requirement that nothing holds for yet. Whoever may push makes it as large as they like, and an SBOM is in its attestation: it is read once for all
 * requirements, and others have a turn between the steps.
 */
async function judgeSignature(found: FoundSignature, digest: Digest, open: readonly Open[], over: AbortSignal): Promise<void> {
  const left = open.flatMap((each) => (isOpen(each) && each.judge.ok ? { each, judge: each.judge.value } : []));
  if (left.length === 0 || over.aborted) return;
  await nextTurn();
  const claim = claimOf(found);
  for (const { each, judge } of left) {
    const { requirement, faults, kinds } = each;
    const { attestation } = requirement;
    if (claim === undefined) faults.push({ reason: "SignatureUnreadable", message: "it says nothing that is known" });
    else if (!isOfKind(claim, attestation)) kinds.add(clip(oneLine(claim.predicateType ?? "a signature alone"), 200));
    else {
      await nextTurn();
      if (over.aborted) return;
      const signer = await judge(found);
      const checked = signer.ok ? checkClaim(claim, digest, attestation) : signer;
      if (signer.ok && checked.ok) each.verdict = { requirement: requirementId(requirement), by: signer.value };
      if (!checked.ok) faults.push({ ...checked.error, message: `${checked.error.message} (${found.place})` });
    }
  }
}

/** Why none of the signatures holds: the fault of the one that comes closest. */
function refusal({ requirement: { attestation }, faults: known, kinds }: Open, { unreadable, beyond }: PassedOver, image: string): Failure {
  const faults = unreadable > 0 ? [...known, fault("SignatureUnreadable", "it cannot be read").error] : known;
  const rest = beyond > 0 ? `; ${beyond} older ones were not looked at: remove those that nobody needs` : "";
  const [closest] = faults.toSorted((a, b) => FAULT_REASONS.indexOf(b.reason) - FAULT_REASONS.indexOf(a.reason));
  if (closest === undefined) return notFound(image, attestation?.predicateType, kinds, rest);
  const what = attestation === undefined ? "no signature" : `no attestation of type ${attestation.predicateType}`;
  return fail(closest.reason, `${image} has ${what} that holds: ${closest.message}${rest}`).error;
}

function tooSlow(image: string): Failure {
  const message = `the signatures of ${image} could not be judged within ${TIMEOUT_MS / 1_000} s; remove those that nobody needs, or check how fast the registry answers`;
  return failForNow("SignaturesSlow", message).error;
}

function notFound(image: string, predicateType: string | undefined, kinds: ReadonlySet<string>, rest: string): Failure {
  if (predicateType === undefined)
    return fail("SignatureNotFound", `${image} is not signed; sign it with weir sign or cosign sign${rest}`).error;
  const has = kinds.size === 0 ? "" : ` (it has: ${[...kinds].slice(0, 5).join(", ")})`;
  return fail(
    "AttestationNotFound",
    `${image} has no attestation of type ${predicateType}${has}; make it with weir attest or cosign attest${rest}`,
  ).error;
}

function about({ origin }: VerifyRequirement, error: Failure): { readonly ok: false; readonly error: Failure } {
  return { ok: false, error: { ...error, message: `${origin}: ${error.message}` } };
}
