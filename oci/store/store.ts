import type { Clock } from "../../model/clock.ts";
import { type Digest, isDigest } from "../../model/digest.ts";
import type { Log } from "../../model/log.ts";
import type { Module } from "../../model/module.ts";
import { failForNow, ok, type Result } from "../../model/result.ts";
import { type Blobs, createBlobs } from "./blobs.ts";
import { chooseEvictions, type StoredBlob } from "./eviction.ts";
import { createRecords, type Records } from "./records.ts";

export interface StoreOptions {
  /** Made when missing. One process writes to it at a time; any number may read. */
  readonly directory: string;
  /** Modules beyond this many bytes in total are evicted, least recently used first. */
  readonly maxBytes: number;
  readonly log: Log;
  readonly clock: Clock;
}

/**
 * Modules on disk by the digest of their bytes, and records of which manifest has which module and which index has which manifest. Every write is atomic; every read verifies the digest.
 */
export interface Store {
  /** The record of this manifest (or url) digest. The module's file may be gone all the same: see `has`. */
  module(digest: Digest): Promise<Module | undefined>;
  /** The manifest that this index was once resolved to. */
  manifestOf(index: Digest): Promise<Digest | undefined>;
  /** Keeps the bytes and the record. Fails with `StoreFailed`; throws when the bytes are not those of `wasmDigest`. */
  put(module: Module, bytes: Uint8Array<ArrayBuffer>): Promise<Result<Module>>;
  putIndex(index: Digest, manifest: Digest): Promise<Result<void>>;
  /** The bytes, verified; the same array as long as anyone holds it. A damaged file is removed and logged. */
  read(wasmDigest: Digest): Promise<Uint8Array | undefined>;
  /** True when the module's file is there and verified, earlier or now. Keeps no bytes in memory. */
  has(wasmDigest: Digest): Promise<boolean>;
  /** Digests of manifests or modules to keep. Nothing is evicted before the first call, since only then it is known what is needed. */
  retain(digests: ReadonlySet<Digest>): void;
  /** Bytes of modules on disk, looked up now. */
  bytes(): Promise<number>;
  /** Resolves when the running evictions are done. */
  settled(): Promise<void>;
}

export function createStore(options: StoreOptions): Store {
  const { log } = options;
  const records = createRecords(options);
  const blobs = createBlobs(options);
  let retained: ReadonlySet<Digest> | undefined;
  let evicting: Promise<void> = Promise.resolve();

  function evictSoon(newest?: Digest): void {
    const run = async () => {
      if (retained === undefined) return;
      const keep = new Set(retained);
      if (newest !== undefined) keep.add(newest);
      await evict(blobs, records, options, keep);
    };
    evicting = evicting.then(run).catch((error) => log.warn("eviction failed", { error: String(error) }));
  }

  return {
    async module(digest) {
      const { wasmDigest, size, mediaType } = (await records.read("modules", digest)) ?? {};
      if (!isDigestValue(wasmDigest) || typeof size !== "number") return undefined;
      return { digest, wasmDigest, size, mediaType: typeof mediaType === "string" ? mediaType : "" };
    },
    async manifestOf(index) {
      const manifest = (await records.read("indexes", index))?.manifest;
      return isDigestValue(manifest) ? manifest : undefined;
    },
    async put({ digest, ...record }, bytes) {
      return writing(async () => {
        await blobs.write(record.wasmDigest, bytes);
        await records.write("modules", digest, record);
        evictSoon(record.wasmDigest);
        return { digest, ...record };
      });
    },
    putIndex: (index, manifest) => writing(() => records.write("indexes", index, { manifest })),
    read: (digest) => blobs.read(digest),
    has: (digest) => blobs.has(digest),
    retain(digests) {
      retained = digests;
      evictSoon();
    },
    bytes: async () => sumOf(await blobs.list()),
    settled: () => evicting,
  };
}

/** Removes modules beyond the limit, and the records that lead to them. */
async function evict(blobs: Blobs, records: Records, { maxBytes, log }: StoreOptions, retained: ReadonlySet<Digest>): Promise<void> {
  const stored = await blobs.list();
  if (sumOf(stored) <= maxBytes) return;
  const keep = new Set(retained);
  const known = await records.list("modules");
  for (const { name, record } of known) {
    if (keep.has(name) && isDigestValue(record.wasmDigest)) keep.add(record.wasmDigest);
  }
  const evicted = new Set(chooseEvictions(stored, maxBytes, keep).map(({ digest }) => digest));
  for (const digest of evicted) await blobs.remove(digest);
  const orphans = new Set(
    known.filter(({ record }) => isDigestValue(record.wasmDigest) && evicted.has(record.wasmDigest)).map(({ name }) => name),
  );
  for (const digest of orphans) await records.remove("modules", digest);
  for (const { name, record } of await records.list("indexes")) {
    if (isDigestValue(record.manifest) && orphans.has(record.manifest)) await records.remove("indexes", name);
  }
  if (evicted.size > 0) log.info("modules that nothing needs were evicted", { modules: evicted.size });
}

function sumOf(blobs: readonly StoredBlob[]): number {
  return blobs.reduce((sum, { size }) => sum + size, 0);
}

async function writing<T>(write: () => Promise<T>): Promise<Result<T>> {
  try {
    return ok(await write());
  } catch (error) {
    if (!isFileError(error)) throw error;
    return failForNow("StoreFailed", `the module could not be kept on disk (${error.message}); check the data folder and its free space`);
  }
}

function isDigestValue(value: unknown): value is Digest {
  return typeof value === "string" && isDigest(value);
}

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error;
}
