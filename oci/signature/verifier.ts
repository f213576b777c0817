import type { Digest } from "../../model/digest.ts";
import { type Failure, fail, ok, type Result } from "../../model/result.ts";
import { requirementId, type Verdict, type Verifier, type VerifyRequirement } from "../../model/verify.ts";
import { type OciOptions, openReference } from "../open.ts";
import { type FoundSignatures, findSignatures } from "./find.ts";
import { FAULT_REASONS, type Fault, type FoundSignature, fault } from "./found.ts";
import { checkIdentity } from "./identity.ts";
import { readPublicKey } from "./public-key.ts";
import { checkClaim, claimOf, isOfKind } from "./statement.ts";
import { readTrustRoot, type TrustRoot } from "./trust-root.ts";

/** All of one look at an image's signatures. */
const TIMEOUT_MS = 60_000;

/** Judges a signature by who made it. On success who that is. */
type Judge = (found: FoundSignature) => Result<string, Fault>;

/** The port `Verifier` for registries and image layout folders. */
export function createVerifier(options: OciOptions): Verifier {
  return {
    async verify(image, digest, requirements, { keychain, signal }) {
      const judges: Judge[] = [];
      for (const requirement of requirements) {
        const judge = judgeOf(requirement);
        if (!judge.ok) return about(requirement, judge.error);
        judges.push(judge.value);
      }
      if (requirements.length === 0) return ok([]);
      const opened = openReference(image, keychain, options);
      if (!opened.ok) return opened;
      const limit = AbortSignal.timeout(TIMEOUT_MS);
      const { repository } = opened.value;
      const found = await findSignatures(repository, digest, signal === undefined ? limit : AbortSignal.any([signal, limit]));
      if (!found.ok) return found;
      const verdicts: Verdict[] = [];
      for (const [index, requirement] of requirements.entries()) {
        const judge = judges[index] as Judge;
        const verdict = judged(found.value, `${repository.name}@${digest}`, digest, requirement, judge);
        if (!verdict.ok) return about(requirement, verdict.error);
        verdicts.push(verdict.value);
      }
      return ok(verdicts);
    },
  };
}

/** Reads the key or the trust root of a requirement. Fails with `PublicKeyInvalid`, `TrustRootMissing` or `TrustRootInvalid`. */
function judgeOf({ signer }: VerifyRequirement): Result<Judge> {
  if (signer.kind === "key") {
    const key = readPublicKey(signer.publicKey);
    if (!key.ok) return key;
    const { check, id } = key.value;
    return ok((found) => {
      const checked = check(found);
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
  return ok((found) => checkIdentity(found, signer, root.value));
}

/** A verdict where one of the signatures holds; else the fault of the one that comes closest. */
function judged(
  { signatures, unreadable, beyond }: FoundSignatures,
  image: string,
  digest: Digest,
  requirement: VerifyRequirement,
  judge: Judge,
): Result<Verdict> {
  const { attestation } = requirement;
  const faults: Fault[] = [];
  const kinds = new Set<string>();
  for (const found of signatures) {
    const claim = claimOf(found);
    if (claim === undefined) faults.push({ reason: "SignatureUnreadable", message: "it says nothing that is known" });
    else if (!isOfKind(claim, attestation)) kinds.add(claim.predicateType ?? "a signature alone");
    else {
      const signer = judge(found);
      const checked = signer.ok ? checkClaim(claim, digest, attestation) : signer;
      if (signer.ok && checked.ok) return ok({ requirement: requirementId(requirement), by: signer.value });
      if (!checked.ok) faults.push({ ...checked.error, message: `${checked.error.message} (${found.place})` });
    }
  }
  if (unreadable > 0) faults.push(fault("SignatureUnreadable", "it cannot be read").error);
  const rest = beyond > 0 ? `; ${beyond} older ones were not looked at: remove those that nobody needs` : "";
  const [closest] = faults.toSorted((a, b) => FAULT_REASONS.indexOf(b.reason) - FAULT_REASONS.indexOf(a.reason));
  if (closest !== undefined) {
    const what = attestation === undefined ? "no signature" : `no attestation of type ${attestation.predicateType}`;
    return fail(closest.reason, `${image} has ${what} that holds: ${closest.message}${rest}`);
  }
  return { ok: false, error: notFound(image, attestation?.predicateType, kinds, rest) };
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
