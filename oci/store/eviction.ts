import type { Digest } from "../../model/digest.ts";

/** A stored module's file. */
export interface StoredBlob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the epoch of the last read or write. */
  readonly usedAt: number;
}

/**
 * Which modules to remove so that the rest fits into `maxBytes`, least recently used first. Those in `keep` stay, so the rest may still be
 * larger than the limit.
 */
export function chooseEvictions(blobs: readonly StoredBlob[], maxBytes: number, keep: ReadonlySet<Digest>): readonly StoredBlob[] {
  let total = blobs.reduce((sum, { size }) => sum + size, 0);
  const evicted: StoredBlob[] = [];
  for (const blob of blobs.toSorted((a, b) => a.usedAt - b.usedAt)) {
    if (total <= maxBytes) break;
    if (keep.has(blob.digest)) continue;
    evicted.push(blob);
    total -= blob.size;
  }
  return evicted;
}
