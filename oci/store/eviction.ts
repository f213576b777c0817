import { statfs } from "node:fs/promises";
import type { Digest } from "../../model/digest.ts";
import type { Log } from "../../model/log.ts";
import type { Blobs, StoredBlob } from "./blobs.ts";
import { leadsOf, type Records } from "./records.ts";

/**
 * Which modules to remove so that the rest fits into `maxBytes`, least recently used first. Those in `keep` stay, so the rest may still be
 * larger than the limit.
 */
export function chooseEvictions(blobs: readonly StoredBlob[], maxBytes: number, keep: ReadonlySet<Digest>): readonly StoredBlob[] {
  let total = sumOf(blobs);
  const evicted: StoredBlob[] = [];
  for (const blob of blobs.toSorted((a, b) => a.usedAt - b.usedAt)) {
    if (total <= maxBytes) break;
    if (keep.has(blob.digest)) continue;
    evicted.push(blob);
    total -= blob.size;
  }
  return evicted;
}

export function sumOf(blobs: readonly StoredBlob[]): number {
  return blobs.reduce((sum, { size }) => sum + size, 0);
}

/** What modules that nothing needs may take of the room that there is for modules: the rest is for those that are needed. */
const SHARE_OF_ROOM = 0.75;

/** Bytes that the store may have where `stored` bytes are in it and `free` are left on its disk. */
export function allowedBytes(maxBytes: number, stored: number, free: number): number {
  return Math.min(maxBytes, SHARE_OF_ROOM * (stored + free));
}

export interface EvictOptions {
  readonly directory: string;
  readonly maxBytes: number;
  readonly log: Log;
}

/** Removes modules beyond the limit, and the records that lead to them. What is `needed` is asked for last; `undefined`: it is not known, and all stay. */
export async function evict(
  blobs: Blobs,
  records: Records,
  options: EvictOptions,
  needed: () => ReadonlySet<Digest> | undefined,
): Promise<void> {
  const { directory, log } = options;
  const sizes = await blobs.sizes();
  if (sizes.size === 0) return;
  const bytes = sizes.values().reduce((sum, size) => sum + size, 0);
  const { bavail, bsize } = await statfs(directory);
  const maxBytes = allowedBytes(options.maxBytes, bytes, bavail * bsize);
  if (bytes <= maxBytes) return;
  // When each was used last is on the disk alone.
  const stored = await blobs.list();
  const leads = await leadsOf(records.list);
  const retained = needed();
  if (retained === undefined) return;
  const keep = new Set(retained);
  for (const { name, wasmDigest } of leads) if (retained.has(name)) keep.add(wasmDigest);
  const evicted = new Set(chooseEvictions(stored, maxBytes, keep).map(({ digest }) => digest));
  for (const digest of evicted) await blobs.remove(digest);
  const orphans = new Set<unknown>();
  for (const { kind, name, wasmDigest } of leads) {
    if (!evicted.has(wasmDigest)) continue;
    if (kind === "manifests") orphans.add(name);
    await records.remove(kind, name);
  }
  for (const { name, record } of await records.list("indexes")) {
    if (orphans.has(record.manifest)) await records.remove("indexes", name);
  }
  if (evicted.size > 0) log.info("modules that nothing needs were evicted", { modules: evicted.size });
}

type Needed = () => ReadonlySet<Digest> | undefined;

/** Runs evictions one after the other, and none before it is known what is needed. */
export interface Evictor {
  /** One that waits already will see what is new too. */
  soon(): void;
  /** What is needed from now on; then evicts. */
  retain(needed: Needed): void;
  /** Resolves when the running evictions are done. */
  settled(): Promise<void>;
}

export function createEvictor(run: (needed: Needed) => Promise<void>, log: Log): Evictor {
  let needed: Needed | undefined;
  let evicting: Promise<void> = Promise.resolve();
  let isWaiting = false;
  const soon = () => {
    if (isWaiting) return;
    isWaiting = true;
    const once = async () => {
      isWaiting = false;
      if (needed !== undefined) await run(() => needed?.());
    };
    evicting = evicting.then(once).catch((error) => log.warn("eviction failed", { error: String(error) }));
  };
  return {
    soon,
    retain(given) {
      needed = given;
      soon();
    },
    settled: () => evicting,
  };
}
