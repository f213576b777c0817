import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { createDraftFile, type DraftFile, TEMPORARY_PREFIX, writeFileAtomically } from "../../base/atomic-file.ts";
import { hasCode } from "../../base/error.ts";
import { createOnce } from "../../base/once.ts";
import { createSingleFlight } from "../../base/single-flight.ts";
import type { Clock } from "../../model/clock.ts";
import { type Digest, digestAside, isDigest } from "../../model/digest.ts";
import type { Log } from "../../model/log.ts";
import { setAside } from "./damaged.ts";
import { removeOlder } from "./litter.ts";
import { hex, namesIn } from "./names.ts";

export interface BlobsOptions {
  readonly directory: string;
  readonly log: Log;
  readonly clock: Clock;
  /** Is told of each file that was damaged. */
  readonly onDamaged?: (digest: Digest) => void;
}

/** A stored module's file. */
export interface StoredBlob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since the epoch of the last read or write. */
  readonly usedAt: number;
}

/** The modules' bytes on disk, laid out as in an OCI image layout. A file that is damaged is moved to the folder `damaged` and logged. */
export interface Blobs {
  /** True when the file is there and its digest was verified, before by this object or now. Keeps no bytes in memory. */
  has(digest: Digest): Promise<boolean>;
  /** The bytes, verified; the same array as long as anyone holds it. */
  read(digest: Digest): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Throws when the bytes are not those of `digest`, and what the file system throws. */
  write(digest: Digest, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** A file for a module that comes piece by piece. */
  draft(): DraftFile;
  /** Keeps what was written to a draft as the bytes of `digest`, which whoever wrote it computed of them. Throws what the file system throws. */
  keep(draft: DraftFile, digest: Digest, size: number): Promise<void>;
  /** Reads the file again, whatever is known of it, and is no use of it. A damaged one is set aside. `pieceRead` is waited for after each piece. */
  check(digest: Digest, pieceRead?: (bytes: number) => Promise<void>): Promise<void>;
  remove(digest: Digest): Promise<void>;
  /** Every file. Also removes temporary files that a crash left behind. */
  list(): Promise<StoredBlob[]>;
  /** Bytes of every file, from what was written and removed since they were listed first: it costs no look at the disk. */
  sizes(): Promise<ReadonlyMap<Digest, number>>;
}

export function createBlobs({ directory, log, clock, onDamaged = () => {} }: BlobsOptions): Blobs {
  const folder = folderOf(directory);
  const pathOf = (digest: Digest) => join(folder, hex(digest));
  const alive = new Map<Digest, WeakRef<Uint8Array<ArrayBuffer>>>();
  const reads = createSingleFlight<Uint8Array<ArrayBuffer> | undefined>();
  /** Files whose bytes had their digest when they were written or read last. */
  const verified = new Set<Digest>();
  const { sizes, note } = createSizes(() => listBlobs(folder, clock.now()));

  const verify = createVerify({ directory, log, pathOf, note, verified, onDamaged });

  async function readFromDisk(digest: Digest): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const read = await verify(digest, (path) => readHashed(path, clock.now()));
    if (read !== undefined) alive.set(digest, new WeakRef(read.content));
    return read?.content;
  }

  return {
    async has(digest) {
      const isWhole = verified.has(digest) || (await verify(digest, async (path) => ({ actual: await hashFile(path) }))) !== undefined;
      return isWhole && markUsed(pathOf(digest), clock.now());
    },
    async read(digest) {
      const held = alive.get(digest)?.deref();
      if (held !== undefined) return held;
      return reads.run(digest, () => readFromDisk(digest));
    },
    async write(digest, bytes) {
      if ((await digestAside(bytes)) !== digest) throw new Error(`these are not the bytes of ${digest}`);
      await writeFileAtomically(pathOf(digest), bytes);
      await note(digest, bytes.byteLength);
      verified.add(digest);
      if (alive.get(digest)?.deref() === undefined) alive.set(digest, new WeakRef(bytes));
    },
    draft: () => createDraftFile(folder),
    async keep(draft, digest, size) {
      await draft.place(pathOf(digest));
      await note(digest, size);
      verified.add(digest);
    },
    async check(digest, pieceRead) {
      const path = pathOf(digest);
      const first = await hashFile(path, pieceRead).catch((error) => (hasCode(error, "ENOENT") ? digest : undefined));
      // Others may have written it anew since its first piece was read.
      if (first !== digest) await verify(digest, async () => ({ actual: await hashFile(path) }));
    },
    async remove(digest) {
      alive.delete(digest);
      verified.delete(digest);
      await rm(pathOf(digest), { force: true });
      await note(digest, undefined);
    },
    list: () => listBlobs(folder, clock.now()),
    sizes,
  };
}

interface VerifyDeps extends Required<Pick<BlobsOptions, "directory" | "log" | "onDamaged">> {
  pathOf(digest: Digest): string;
  note(digest: Digest, size: number | undefined): Promise<void>;
  readonly verified: Set<Digest>;
}

/** What `read` returns; `undefined` when the file is missing, or damaged, and then it is set aside. */
type Verify = <T extends { readonly actual: Digest }>(digest: Digest, read: (path: string) => Promise<T>) => Promise<T | undefined>;

function createVerify({ directory, log, pathOf, note, verified, onDamaged }: VerifyDeps): Verify {
  async function damaged(digest: Digest, facts: Readonly<Record<string, string>>): Promise<void> {
    log.warn("a damaged module was moved out of the store; it will be pulled again", { digest, ...facts });
    await setAside(directory, pathOf(digest), digest);
    await note(digest, undefined);
    onDamaged(digest);
  }

  return async (digest, read) => {
    verified.delete(digest);
    try {
      const result = await read(pathOf(digest));
      if (result.actual === digest) {
        verified.add(digest);
        return result;
      }
      await damaged(digest, { actual: result.actual });
    } catch (error) {
      if (hasCode(error, "ENOENT")) await note(digest, undefined);
      // What the disk cannot give back is damaged, and no later read mends it.
      else if (hasCode(error, "EIO")) await damaged(digest, { error: String(error) });
      else log.error("a module of the store cannot be read", { digest, error: String(error) });
    }
    return undefined;
  };
}

function folderOf(directory: string): string {
  return join(directory, "blobs", "sha256");
}

/** Bytes of every file: listed once, and what is noted since. */
function createSizes(list: () => Promise<readonly StoredBlob[]>) {
  const sizes = createOnce(async () => new Map((await list()).map(({ digest, size }) => [digest, size])));
  return {
    sizes: () => sizes.get(),
    async note(digest: Digest, size: number | undefined): Promise<void> {
      const known = await sizes.peek();
      if (size === undefined) known?.delete(digest);
      else known?.set(digest, size);
    },
  };
}

/** Every module of a store, in its folder below `directory`. Changes nothing. */
export function peekBlobs(directory: string): Promise<StoredBlob[]> {
  return listBlobs(folderOf(directory));
}

/** Whether a module's file has its digest, or is not there. Changes nothing. */
export async function isWholeBlob(directory: string, digest: Digest): Promise<boolean> {
  try {
    return (await hashFile(join(folderOf(directory), hex(digest)))) === digest;
  } catch (error) {
    return hasCode(error, "ENOENT");
  }
}

/** No write takes so long, in milliseconds. */
const LONGEST_WRITE_MS = 3_600_000;

/** `now`: what a crash left long before is removed. */
async function listBlobs(folder: string, now?: number): Promise<StoredBlob[]> {
  const found: StoredBlob[] = [];
  for (const file of await namesIn(folder)) {
    const digest = `sha256:${file}`;
    const stats = isDigest(digest) ? await stat(join(folder, file)).catch(() => undefined) : undefined;
    if (isDigest(digest) && stats !== undefined) found.push({ digest, size: stats.size, usedAt: stats.mtimeMs });
    else if (now !== undefined && file.startsWith(TEMPORARY_PREFIX)) await removeOlder(join(folder, file), now - LONGEST_WRITE_MS);
  }
  return found;
}

/** Read in pieces of this many bytes, so that other work goes on. */
const PIECE = 1 << 20;

/** The file and its digest. Marks it as used `now` (milliseconds since the epoch). */
async function readHashed(path: string, now: number): Promise<{ content: Uint8Array<ArrayBuffer>; actual: Digest }> {
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

/** The file's digest alone, with one piece of it in memory at a time. */
async function hashFile(path: string, pieceRead?: (bytes: number) => Promise<void>): Promise<Digest> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: PIECE })) {
    hash.update(piece);
    await pieceRead?.(piece.length);
  }
  return `sha256:${hash.digest("hex")}`;
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
