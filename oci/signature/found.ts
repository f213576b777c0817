import type { Bundle } from "@sigstore/bundle";

/** A signature that is stored beside an image. Nothing of it is trusted yet. */
export interface FoundSignature {
  /** Where it is, for messages: `sha256-….sig, layer 1`. */
  readonly place: string;
  /** What was signed. */
  readonly content: SimpleSigning | Envelope;
  /** With certificate, log entries and timestamps, as far as it has them; `undefined`: it was made with a key alone. */
  readonly bundle: Bundle | undefined;
  /** True where it comes with a certificate. */
  readonly hasCertificate: boolean;
  /** The key that it says it is by: base64 of the sha256 of the public key's DER. */
  readonly keyHint: string | undefined;
}

/** https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md */
export interface SimpleSigning {
  readonly kind: "simpleSigning";
  readonly payload: Buffer;
  readonly signature: Buffer;
}

/** https://github.com/secure-systems-lab/dsse/blob/master/envelope.md */
export interface Envelope {
  readonly kind: "envelope";
  readonly payloadType: string;
  readonly payload: Buffer;
  readonly signatures: readonly Buffer[];
}

/** What is wrong with one signature. */
export interface Fault {
  /** CamelCase, as of a failure. */
  readonly reason: FaultReason;
  readonly message: string;
}

/** In the order in which a signature comes closer to holding: of several, the fault of the closest is told. */
export const FAULT_REASONS = [
  "SignatureUnreadable",
  "KeyMismatch",
  "KeyKindMismatch",
  "NotLogged",
  "CertificateUntrusted",
  "SignatureTampered",
  "CertificateExpired",
  "DigestNotSigned",
  "SignerMismatch",
  "ProvenanceMismatch",
] as const;

export type FaultReason = (typeof FAULT_REASONS)[number];

export function fault(reason: FaultReason, message: string): { readonly ok: false; readonly error: Fault } {
  return { ok: false, error: { reason, message } };
}
