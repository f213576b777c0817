import { TrustedRoot } from "@sigstore/protobuf-specs";
import { type TrustMaterial, toTrustMaterial } from "@sigstore/verify";
import { fail, ok, type Result } from "../../model/result.ts";
import { parseDocument } from "./document.ts";

/** Bytes of a trust root; the public one has 7,000. */
export const MAX_TRUST_ROOT_BYTES = 1 << 20;

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
    root = toTrustMaterial(TrustedRoot.fromJSON(parseDocument(text)));
  } catch {
    return invalid("cannot be read");
  }
  if (root.certificateAuthorities.length === 0) return invalid("names no authority that certifies identities (certificateAuthorities)");
  if (root.tlogs.length + root.timestampAuthorities.length === 0)
    return invalid("names neither a log (tlogs) nor a timestamp authority (timestampAuthorities)");
  return ok(root);
}
