import { hash } from "node:crypto";
import type { Digest } from "./digest.ts";
import type { Keychain } from "./module.ts";
import type { Result } from "./result.ts";

/** A key of a Secret or a ConfigMap. */
export interface KeyReference {
  readonly kind: "secret" | "configMap";
  /** Absent: the filter's. A policy's are in Weir's own. */
  readonly namespace?: string;
  readonly name: string;
  readonly key: string;
}

/** What a text of a certificate must be. */
export type TextMatch =
  | { readonly exact: string }
  /** RE2 that covers the whole text. */
  | { readonly regExp: string };

/** Who must have signed: the holder of a private key, or whoever proved this identity to a certificate authority (Fulcio). */
export type Signer<Text> =
  | { readonly kind: "key"; readonly publicKey: Text }
  | {
      readonly kind: "keyless";
      /** The OpenID Connect issuer that vouched for the identity. */
      readonly issuer: TextMatch;
      /** The subject alternative name of the certificate: an email address, or the URI of a workflow. */
      readonly identity: TextMatch;
      /** A sigstore trust root as JSON (`trusted_root.json`); `undefined`: the server's own. */
      readonly trustRoot: Text | undefined;
    };

/** An in-toto statement that must be there. https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md */
export interface AttestationDemand {
  readonly predicateType: string;
  /** Of a SLSA provenance: the id of the builder, and the repository that was built. */
  readonly builder?: string;
  readonly source?: string;
}

/** One signature that is demanded. `Text`: how its texts (public key, trust root) are given. */
interface Demand<Text> {
  readonly signer: Signer<Text>;
  /** `undefined`: the image itself must be signed; else a statement about it. */
  readonly attestation: AttestationDemand | undefined;
}

/** A demand as a spec or a policy writes it: its texts may be elsewhere. */
export type SignatureDemand = Demand<string | KeyReference>;

/** A demand with all that it takes to judge it, in memory: no cluster is asked for it any more. */
export interface VerifyRequirement extends Demand<string> {
  /** Where it is demanded, for messages: `spec.verify[0]`. No part of what makes two requirements the same. */
  readonly origin: string;
  /** Where the same is demanded as well. */
  readonly also?: readonly string[];
  /** Where its key is read from: `Secret release-keys`, of a policy `Secret weir-system/release-keys`. Absent: it stands where it is demanded, or it is an identity. */
  readonly keyFrom?: string;
}

/** One signature that holds, for people. */
export interface SignedBy {
  /** As `Verdict.by`. */
  readonly by: string;
  /** Where its key is read from: `Secret release-keys`. */
  readonly keyFrom?: string;
  /** What demands it: `spec.verify[0]`, `WasmPolicy signed, images[0].verify[0]`. At least one. */
  readonly demands: readonly string[];
  /** Type of the statement that is signed; absent: the image itself is. */
  readonly attestation?: string;
}

/** Where the text is that the demand does not hold itself. */
export function referenceOf({ signer }: SignatureDemand): KeyReference | undefined {
  const text = signer.kind === "key" ? signer.publicKey : signer.trustRoot;
  return typeof text === "object" ? text : undefined;
}

/** Signatures that a spec and the policies of its namespace may ask for together. A spec has 16 at most, a pattern of a policy 4. */
export const MAX_REQUIREMENTS = 64;

/** That one requirement holds for one digest. It holds for good: a verdict is about what was signed, and neither changes. */
export interface Verdict {
  /** Which requirement (`requirementId`). */
  readonly requirement: string;
  /** Who signed, for people: `key 3f1c9a02d4b7`, or `me@a.example (https://issuer.example)`. */
  readonly by: string;
}

export interface VerifyOptions {
  readonly keychain: Keychain;
  /** Who asks: a mirror that fails for one namespace is left out for that one alone. Default: nobody in particular. */
  readonly namespace?: string;
  readonly signal?: AbortSignal;
  /** What is judged in the same look, and only told of. Once its signal fires, nothing goes on for its sake. */
  readonly audit?: Audited;
}

/** Requirements that hold nothing back. */
export interface Audited {
  readonly requirements: readonly VerifyRequirement[];
  readonly signal: AbortSignal;
}

/** Judges signatures, which are stored beside an image in its registry. */
export interface Verifier {
  /**
   * Whether each requirement holds for the manifest with this digest: in their order a verdict, or why it does not hold; then the same of those that are audited. Fails as a
   * whole, with `retryable`, where the registry cannot be read before there is a verdict for every requirement: that is never taken for an image that is not signed.
   */
  verify(
    image: string,
    digest: Digest,
    requirements: readonly VerifyRequirement[],
    options: VerifyOptions,
  ): Promise<Result<readonly Result<Verdict>[]>>;
}

/** A verdict for each, or why the first of those that do not hold does not. */
export function everyVerdict(judged: readonly Result<Verdict>[]): Result<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const each of judged) {
    if (!each.ok) return each;
    verdicts.push(each.value);
  }
  return { ok: true, value: verdicts };
}

/** The verdicts of these requirements with what demands them. A requirement without a verdict is left out. */
export function signedBy(requirements: readonly VerifyRequirement[], verdicts: readonly Verdict[]): readonly SignedBy[] {
  const byId = new Map(verdicts.map((verdict) => [verdict.requirement, verdict.by]));
  return requirements.flatMap((requirement) => {
    const by = byId.get(requirementId(requirement));
    if (by === undefined) return [];
    const { origin, also = [], keyFrom, attestation } = requirement;
    const more = { ...(keyFrom && { keyFrom }), ...(attestation && { attestation: attestation.predicateType }) };
    return { by, demands: [origin, ...also], ...more };
  });
}

/** `signed by key 3f1c9a02d4b7 of Secret release-keys, as spec.verify[0] asks for`. */
export function describeSigned({ by, keyFrom, demands, attestation }: SignedBy): string {
  const what = attestation === undefined ? "signed" : `attested (${attestation})`;
  const key = keyFrom === undefined ? "" : ` of ${keyFrom}`;
  return `${what} by ${by}${key}, as ${demands.join(" and ")} ${demands.length === 1 ? "asks" : "ask"} for`;
}

/** Names a requirement by all that decides about it: equal ones have the same verdict for the same digest. */
export function requirementId({ signer, attestation }: Pick<VerifyRequirement, "signer" | "attestation">): string {
  const who =
    signer.kind === "key"
      ? [signer.publicKey.trim()]
      : [matchId(signer.issuer), matchId(signer.identity), signer.trustRoot?.trim() ?? null];
  const what = attestation && [attestation.predicateType, attestation.builder ?? null, attestation.source ?? null];
  return hash("sha256", JSON.stringify([1, signer.kind, who, what ?? null])).slice(0, 32);
}

function matchId(match: TextMatch): readonly string[] {
  return "exact" in match ? ["exact", match.exact] : ["regExp", match.regExp];
}
