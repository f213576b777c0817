import { createPublicKey } from "node:crypto";
import type { X509Certificate } from "@sigstore/core";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { type TrustMaterial, toTrustMaterial } from "@sigstore/verify";
import { fail, ok, type Result } from "../../model/result.ts";
import { MAX_TRUST_ROOT_BYTES, parseDocument } from "./document.ts";

/** Authorities, logs, or certificates of a chain. The public root has two of each; all of them are tried for each time at which something is said to be signed. */
const MAX_NAMED = 16;

/** Whom to trust: the authorities that certify identities, the logs and the timestamp authorities. */
export type TrustRoot = Pick<TrustMaterial, "certificateAuthorities" | "timestampAuthorities" | "tlogs" | "ctlogs" | "publicKey">;

/**
 * Reads a sigstore trust root in JSON. Fails with `TrustRootInvalid`.
 * https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_trustroot.proto
 */
export function readTrustRoot(text: string): Result<TrustRoot> {
  const invalid = (why: string) =>
    fail("TrustRootInvalid", `the trust root ${why}; give a trusted_root.json, as cosign trusted-root create makes one`);
  if (text.length > MAX_TRUST_ROOT_BYTES) return invalid("is larger than 1 MiB");
  let root: TrustRoot;
  try {
    const document = TrustedRoot.fromJSON(parseDocument(text));
    if (sizesOf(document).some((size) => size > MAX_NAMED)) return invalid(`names more than ${MAX_NAMED} of a kind`);
    root = toTrustMaterial(document);
    const authorities = [...root.certificateAuthorities, ...root.timestampAuthorities];
    if (!authorities.every(({ certChain }) => isChain(certChain)))
      return invalid("has an authority whose certificates are no chain, from the one that signs to its root, with a key each");
  } catch {
    return invalid("cannot be read");
  }
  if (root.certificateAuthorities.length === 0) return invalid("names no authority that certifies identities (certificateAuthorities)");
  if (root.tlogs.length + root.timestampAuthorities.length === 0)
    return invalid("names neither a log (tlogs) nor a timestamp authority (timestampAuthorities)");
  return ok(root);
}

/**
 * True where each certificate is signed by the next, and the last by itself, each with another key. Who looks for a way to a root in others tries all that there are: of some twenty
 * with the same keys there are a million, and one of two that sign each other has no end.
 */
function isChain(chain: readonly X509Certificate[]): boolean {
  const keys = new Set(chain.map(keyOf));
  const isSigned = (certificate: X509Certificate, at: number) => {
    const next = chain[at + 1];
    return next === undefined ? certificate.subject.equals(certificate.issuer) && certificate.verify() : certificate.verify(next);
  };
  return keys.size === chain.length && chain.every(isSigned);
}

/** Names the key of a certificate, however that is written. Throws for a kind that nobody signs with. */
export function keyOf({ publicKey }: X509Certificate): string {
  return JSON.stringify(createPublicKey({ key: publicKey, format: "der", type: "spki" }).export({ format: "jwk" }));
}

function sizesOf({ tlogs, ctlogs, certificateAuthorities, timestampAuthorities }: TrustedRoot): readonly number[] {
  const authorities = [...certificateAuthorities, ...timestampAuthorities];
  const chains = authorities.map(({ certChain }) => certChain?.certificates.length ?? 0);
  return [tlogs.length, ctlogs.length, certificateAuthorities.length, timestampAuthorities.length, ...chains];
}
