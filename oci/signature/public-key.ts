import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { dsse } from "@sigstore/core";
import { fail, ok, type Result } from "../../model/result.ts";
import { isSignedPrehashed, prehash } from "./ed25519ph.ts";
import { type Fault, type FoundSignature, fault } from "./found.ts";

/** A key to verify with. */
export interface PublicKey {
  /** `ECDSA P-256`, `RSA 3072` or `Ed25519`. */
  readonly kind: string;
  /** First characters of the fingerprint, for people. */
  readonly id: string;
  /** As bundles name it. */
  readonly hint: string;
  /** Whether this signature is by it. What was signed may be large: it is hashed where it holds up nothing else. */
  check(found: FoundSignature): Promise<Result<void, Fault>>;
}

/** What is wrong with a key of any other kind. */
export const OTHER_KIND = "is of a kind that is not taken: it is ECDSA (P-256, P-384, P-521), RSA or Ed25519";

type Family = "ECDSA" | "RSA" | "Ed25519";

/** The hashes that cosign signs with, by kind of key. Ed25519 has its own. */
const EC_HASHES: Readonly<Record<string, readonly string[]>> = {
  prime256v1: ["sha256"],
  secp384r1: ["sha384", "sha256"],
  secp521r1: ["sha512", "sha256"],
};
const CURVES: Readonly<Record<string, string>> = { prime256v1: "P-256", secp384r1: "P-384", secp521r1: "P-521" };
const MAX_RSA_BITS = 8192;
const MIN_RSA_BITS = 2048;

/** Reads a PEM public key (`-----BEGIN PUBLIC KEY-----`). Fails with `PublicKeyInvalid`. */
export function readPublicKey(pem: string): Result<PublicKey> {
  const invalid = (why: string) =>
    fail("PublicKeyInvalid", `the public key ${why}; give the file that cosign generate-key-pair names cosign.pub`);
  if (!pem.includes("-----BEGIN PUBLIC KEY-----") && !pem.includes("-----BEGIN RSA PUBLIC KEY-----")) return invalid("is not PEM");
  let key: KeyObject;
  try {
    key = createPublicKey({ key: pem, format: "pem" });
  } catch {
    return invalid("cannot be read");
  }
  const kind = kindOf(key);
  if (typeof kind === "string") return invalid(kind);
  const { hint, id } = fingerprintOf(key);
  return ok({ kind: kind.name, id, hint, check: (found) => check(found, { key, hint, ...kind }) });
}

/** The names of a public key: base64 of the sha256 of its DER, as bundles have it, and the first hex digits, for people. */
export function fingerprintOf(key: KeyObject): Pick<PublicKey, "hint" | "id"> {
  const fingerprint = createHash("sha256")
    .update(key.export({ format: "der", type: "spki" }))
    .digest();
  return { hint: fingerprint.toString("base64"), id: fingerprint.toString("hex").slice(0, 12) };
}

interface Kind {
  readonly name: string;
  readonly family: Family;
  readonly hashes: readonly (string | null)[];
}

/** A text: what is wrong with it. */
function kindOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): Kind | string {
  if (asymmetricKeyType === "ed25519") return { name: "Ed25519", family: "Ed25519", hashes: [null] };
  if (asymmetricKeyType === "rsa") {
    const bits = asymmetricKeyDetails?.modulusLength ?? 0;
    if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS) return `is RSA of ${bits} bits, and ${MIN_RSA_BITS} to ${MAX_RSA_BITS} are taken`;
    return { name: `RSA ${bits}`, family: "RSA", hashes: ["sha256", "sha384", "sha512"] };
  }
  const curve = asymmetricKeyDetails?.namedCurve ?? "";
  const hashes = EC_HASHES[curve];
  if (asymmetricKeyType !== "ec" || hashes === undefined) return OTHER_KIND;
  return { name: `ECDSA ${CURVES[curve]}`, family: "ECDSA", hashes };
}

async function check(
  { content, hasCertificate, keyHint }: FoundSignature,
  key: Kind & { readonly key: KeyObject; readonly hint: string },
): Promise<Result<void, Fault>> {
  const isEnvelope = content.kind === "envelope";
  const signed = isEnvelope ? dsse.preAuthEncoding(content.payloadType, content.payload) : content.payload;
  const signatures = isEnvelope ? content.signatures : [content.signature];
  if (await isSignedWith(key, signed, signatures)) return ok(undefined);
  if (hasCertificate) return fault("KeyMismatch", "it is signed by an identity, and not with this key");
  const family = familyOf(signatures[0] ?? Buffer.alloc(0));
  if (keyHint === key.hint)
    return fault("SignatureTampered", "it names this key, and its content or signature was changed since it was signed");
  if (family !== undefined && family !== key.family) {
    return fault("KeyKindMismatch", `it is signed with a key of another kind (${family}; this one is ${key.name})`);
  }
  const orChanged = keyHint === undefined ? ", or was changed since it was signed" : "";
  return fault("KeyMismatch", `it is signed with another key${orChanged}`);
}

async function isSignedWith(
  { family, hashes, key }: Kind & { readonly key: KeyObject },
  signed: Buffer,
  signatures: readonly Buffer[],
): Promise<boolean> {
  for (const signature of signatures) {
    for (const hash of hashes) if (await isSigned(hash, signed, key, signature)) return true;
  }
  if (family !== "Ed25519") return false;
  const hashed = await prehash(signed);
  return signatures.some((signature) => isSignedPrehashed(key, hashed, signature));
}

/** In a thread of Node's own. */
function isSigned(hash: string | null, signed: Buffer, key: KeyObject, signature: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    try {
      verify(hash, signed, key, signature, (error, holds) => resolve(error === null && holds));
    } catch {
      resolve(false);
    }
  });
}

/** What a signature looks like. An ECDSA one is a DER sequence of two integers. */
function familyOf(signature: Buffer): Family | undefined {
  if (signature[0] === 0x30 && signature[1] !== undefined && signature.byteLength <= 144) return "ECDSA";
  if (signature.byteLength === 64) return "Ed25519";
  return signature.byteLength >= 256 ? "RSA" : undefined;
}
