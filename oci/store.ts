import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { TEMPORARY_PREFIX, writeFileAtomically } from "../base/atomic-file.ts";
import { hasCode } from "../base/error.ts";
import { isRecord } from "../base/json.ts";
import type { Clock } from "../model/clock.ts";
import { type Digest, digestAside, isDigest } from "../model/digest.ts";
import type { Log } from "../model/log.ts";
import type { Module } from "../model/module.ts";
import { failForNow, ok, type Result } from "../model/result.ts";
import { chooseEvictions, type StoredBlob } from "./eviction.ts";

export interface StoreOptions {
  /** Made when missing. One process writes to it at a time; any number may read. */
  readonly directory: string;
  /** Modules beyond this many bytes in total are evicted, least recently used first. */
  readonly maxBytes: number;
  readonly log: Log;
  readonly clock: Clock;
}

/**
 * Modules on disk by the digest of their bytes, beside the records that say which image manifest led to which module and which index
 * to which manifest. Every write is atomic; every read proves the digest.
 */
export interface Store {
  /** What is known of this manifest (or url) digest. Says nothing about the module's file: `read` does. */
  module(digest: Digest): Promise<Module | undefined>;
  /** The manifest that this index was once resolved to. */
  manifestOf(index: Digest): Promise<Digest | undefined>;
  /** Keeps the bytes and the record. Fails with `StoreFailed`; throws when the bytes are not those of `wasmDigest`. */
  put(module: Module, bytes: Uint8Array<ArrayBuffer>): Promise<Result<Module>>;
  putIndex(index: Digest, manifest: Digest): Promise<Result<void>>;
  /** The bytes, proven; the same array as long as anyone holds it. A damaged file is removed and logged. */
  read(wasmDigest: Digest): Promise<Uint8Array | undefined>;
  /** True when the module is there: its file was verified before by this store, or is now, without its bytes staying in memory. */
  has(wasmDigest: Digest): Promise<boolean>;
  /** Digests of manifests or modules to keep. Nothing is evicted before the first call: until then nobody has said what is needed. */
  retain(digests: ReadonlySet<Digest>): void;
  /** Bytes of modules on disk, looked up now. */
  bytes(): Promise<number>;
  /** Resolves when the evictions under way are done. */
  settled(): Promise<void>;
}

export function createStore(options: StoreOptions): Store {
  const { log } = options;
  const records = createRecords(options);
  const blobs = createBlobs(options);
  let retained: ReadonlySet<Digest> | undefined;
  let evicting: Promise<void> = Promise.resolve();

  async function evict(newest: Digest | undefined): Promise<void> {
    if (retained === undefined) return;
    const stored = await blobs.list();
    if (sumOf(stored) <= options.maxBytes) return;
    const keep = new Set(retained);
    if (newest !== undefined) keep.add(newest);
    const known = await records.list("modules");
    for (const { name, record } of known) {
      if (keep.has(name) && isDigestValue(record.wasmDigest)) keep.add(record.wasmDigest);
    }
    const evicted = new Set(chooseEvictions(stored, options.maxBytes, keep).map(({ digest }) => digest));
    for (const digest of evicted) await blobs.remove(digest);
    const orphans = new Set(
      known.filter(({ record }) => isDigestValue(record.wasmDigest) && evicted.has(record.wasmDigest)).map(({ name }) => name),
    );
    for (const digest of orphans) await records.remove("modules", digest);
    for (const { name, record } of await records.list("indexes")) {
      if (isDigestValue(record.manifest) && orphans.has(record.manifest)) await records.remove("indexes", name);
    }
    if (evicted.size > 0) log.info("Evicted modules that nothing needs.", { modules: evicted.size });
  }

  function evictSoon(newest?: Digest): void {
    evicting = evicting.then(() => evict(newest)).catch((error) => log.warn("Eviction failed.", { error: String(error) }));
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

function sumOf(blobs: readonly StoredBlob[]): number {
  return blobs.reduce((sum, { size }) => sum + size, 0);
}

async function writing<T>(write: () => Promise<T>): Promise<Result<T>> {
  try {
    return ok(await write());
  } catch (error) {
    if (!isFileError(error)) throw error;
    return failForNow("StoreFailed", `The module could not be kept on disk (${error.message}). Check the data folder and its free space.`);
  }
}

type RecordKind = "modules" | "indexes";

/** Small JSON files, one per digest. */
function createRecords({ directory, log }: StoreOptions) {
  const pathOf = (kind: RecordKind, digest: Digest) => join(directory, kind, `${hex(digest)}.json`);
  const remove = (kind: RecordKind, digest: Digest) => rm(pathOf(kind, digest), { force: true });

  async function read(kind: RecordKind, digest: Digest): Promise<Record<string, unknown> | undefined> {
    let text: string;
    try {
      text = await readFile(pathOf(kind, digest), "utf8");
    } catch (error) {
      if (!hasCode(error, "ENOENT")) log.error("A record of the module store cannot be read.", { digest, error: String(error) });
      return undefined;
    }
    try {
      const record: unknown = JSON.parse(text);
      if (isRecord(record)) return record;
    } catch {}
    log.warn("A damaged record of the module store was removed; its module will be pulled again.", { digest });
    await remove(kind, digest);
    return undefined;
  }

  return {
    read,
    remove,
    write: (kind: RecordKind, digest: Digest, record: object) =>
      writeFileAtomically(pathOf(kind, digest), Buffer.from(`${JSON.stringify(record)}\n`)),
    async list(kind: RecordKind): Promise<{ name: Digest; record: Record<string, unknown> }[]> {
      const found: { name: Digest; record: Record<string, unknown> }[] = [];
      for (const file of await namesIn(join(directory, kind))) {
        const name = `sha256:${file.replace(/\.json$/, "")}`;
        const record = isDigest(name) ? await read(kind, name) : undefined;
        if (isDigest(name) && record !== undefined) found.push({ name, record });
      }
      return found;
    },
  };
}

/** The modules' bytes, laid out as in an OCI image layout. */
function createBlobs({ directory, log, clock }: StoreOptions) {
  const folder = join(directory, "blobs", "sha256");
  const pathOf = (digest: Digest) => join(folder, hex(digest));
  const alive = new Map<Digest, WeakRef<Uint8Array>>();
  const reading = new Map<Digest, Promise<Uint8Array | undefined>>();

  /** Files whose bytes had their digest when they were written or read last. */
  const verified = new Set<Digest>();

  /** What `read` makes of the file; `undefined` when it is missing or damaged, and then it is removed. */
  async function verify<T extends { readonly actual: Digest }>(digest: Digest, read: (path: string) => Promise<T>): Promise<T | undefined> {
    verified.delete(digest);
    try {
      const result = await read(pathOf(digest));
      if (result.actual === digest) {
        verified.add(digest);
        return result;
      }
      log.warn("A damaged module was removed from the store; it will be pulled again.", { digest, actual: result.actual });
      await rm(pathOf(digest), { force: true });
    } catch (error) {
      if (!hasCode(error, "ENOENT")) log.error("A module of the store cannot be read.", { digest, error: String(error) });
    }
    return undefined;
  }

  async function readFromDisk(digest: Digest): Promise<Uint8Array | undefined> {
    const read = await verify(digest, (path) => readHashed(path, clock.now()));
    if (read !== undefined) alive.set(digest, new WeakRef(read.content));
    return read?.content;
  }

  return {
    async has(digest: Digest): Promise<boolean> {
      if (!verified.has(digest)) return (await verify(digest, (path) => hashFile(path, clock.now()))) !== undefined;
      return markUsed(pathOf(digest), clock.now());
    },
    async read(digest: Digest): Promise<Uint8Array | undefined> {
      const held = alive.get(digest)?.deref();
      if (held !== undefined) return held;
      const started = reading.get(digest) ?? readFromDisk(digest).finally(() => reading.delete(digest));
      reading.set(digest, started);
      return started;
    },
    async write(digest: Digest, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
      if ((await digestAside(bytes)) !== digest) throw new Error(`these are not the bytes of ${digest}`);
      await writeFileAtomically(pathOf(digest), bytes);
      verified.add(digest);
      if (alive.get(digest)?.deref() === undefined) alive.set(digest, new WeakRef(bytes));
    },
    async remove(digest: Digest): Promise<void> {
      alive.delete(digest);
      verified.delete(digest);
      await rm(pathOf(digest), { force: true });
    },
    async list(): Promise<StoredBlob[]> {
      const found: StoredBlob[] = [];
      for (const file of await namesIn(folder)) {
        const digest = `sha256:${file}`;
        const stats = isDigest(digest) ? await stat(join(folder, file)).catch(() => undefined) : undefined;
        if (isDigest(digest) && stats !== undefined) found.push({ digest, size: stats.size, usedAt: stats.mtimeMs });
        else if (file.startsWith(TEMPORARY_PREFIX)) await removeAbandoned(join(folder, file), clock.now());
      }
      return found;
    },
  };
}

/** A temporary file that no write of the last hour can own. */
async function removeAbandoned(path: string, now: number): Promise<void> {
  const stats = await stat(path).catch(() => undefined);
  if (stats !== undefined && now - stats.mtimeMs > 3_600_000) await rm(path, { force: true });
}

/** Read in pieces of this many bytes, so that other work goes on. */
const PIECE = 1 << 20;

/** The file and its digest. Marks it as used `now` (milliseconds since the epoch). */
async function readHashed(path: string, now: number): Promise<{ content: Uint8Array; actual: Digest }> {
  const file = await open(path, "r");
  try {
    const content = new Uint8Array((await file.stat()).size);
    const hash = createHash("sha256");
    let offset = 0;
    while (offset < content.byteLength) {
      const { bytesRead } = await file.read(content, offset, Math.min(PIECE, content.byteLength - offset));
      if (bytesRead === 0) break;
      hash.update(content.subarray(offset, offset + bytesRead));
      offset += bytesRead;
    }
    await file.utimes(now / 1000, now / 1000).catch(() => {}); // a read-only folder still serves
    return { content, actual: `sha256:${hash.digest("hex")}` };
  } finally {
    await file.close();
  }
}

/** The file's digest alone, with one piece of it in memory at a time. Marks it as used. */
async function hashFile(path: string, now: number): Promise<{ actual: Digest }> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: PIECE })) hash.update(piece);
  await markUsed(path, now);
  return { actual: `sha256:${hash.digest("hex")}` };
}

/** False when there is no such file. */
async function markUsed(path: string, now: number): Promise<boolean> {
  try {
    await utimes(path, now / 1000, now / 1000);
    return true;
  } catch (error) {
    return !hasCode(error, "ENOENT"); // a read-only folder still serves
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}

function hex(digest: Digest): string {
  return digest.slice("sha256:".length);
}

function isDigestValue(value: unknown): value is Digest {
  return typeof value === "string" && isDigest(value);
}

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error;
}
