import { TrustedRoot } from "@sigstore/protobuf-specs";
import { type TrustMaterial, toTrustMaterial } from "@sigstore/verify";
import { fail, ok, type Result } from "../../model/result.ts";
import { parseDocument } from "./document.ts";

/** Bytes of a trust root; the public one has 7,000. */
export const MAX_TRUST_ROOT_BYTES = 1 << 20;

/** Authorities, logs, or certificates of a chain. The public one has two of each; all of them are tried for each time at which something is said to be signed. */
const MAX_NAMED = 32;

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
  } catch {
    return invalid("cannot be read");
  }
  if (root.certificateAuthorities.length === 0) return invalid("names no authority that certifies identities (certificateAuthorities)");
  if (root.tlogs.length + root.timestampAuthorities.length === 0)
    return invalid("names neither a log (tlogs) nor a timestamp authority (timestampAuthorities)");
  return ok(root);
}

function sizesOf({ tlogs, ctlogs, certificateAuthorities, timestampAuthorities }: TrustedRoot): readonly number[] {
  const authorities = [...certificateAuthorities, ...timestampAuthorities];
  const chains = authorities.map(({ certChain }) => certChain?.certificates.length ?? 0);
  return [tlogs.length, ctlogs.length, certificateAuthorities.length, timestampAuthorities.length, ...chains];
}
