import { printBytes } from "../../base/byte-count.ts";
import type { BlobDigest } from "../../model/digest.ts";
import { fail } from "../../model/result.ts";

export { printBytes };

/** Message for something that is too large. `size` in bytes; `undefined` when only the limit is known. */
export function tooLarge(what: string, size: number | undefined, limit: number): string {
  return `${what} has ${compared(size, limit)}; build the module smaller: optimize for size and strip debug information`;
}

/** Failure for content that a manifest of the repository names and that is not there. */
export function blobNotFound(repository: string, digest: BlobDigest) {
  return fail("BlobNotFound", `${repository} lacks layer ${digest}, which its manifest names; push the image again`);
}

function compared(size: number | undefined, limit: number): string {
  if (size === undefined) return `more than ${printBytes(limit)}, which is the limit`;
  const [shown, allowed] = [printBytes(size), printBytes(limit)];
  return shown === allowed ? `${size} bytes; the limit is ${limit} bytes` : `${shown}; the limit is ${allowed}`;
}
