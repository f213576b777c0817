import { randomUUID } from "node:crypto";
import { link, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncFolder, TEMPORARY_PREFIX } from "../../base/atomic-file.ts";
import { hasCode } from "../../base/error.ts";
import { makeFolder } from "../../base/make-folder.ts";
import type { BlobDigest, Digest } from "../../model/digest.ts";
import { ok, type Result } from "../../model/result.ts";
import { blobsOf, type ImageContent } from "../image/content.ts";
import { blobPath } from "../layout/files.ts";
import { parseManifest } from "../repository/manifest.ts";
import type { RepositoryReader } from "../repository/repository.ts";

/** What nothing names is left alone for this long: another process, or another tool, may be about to name it. */
const UNNAMED_MS = 24 * 3_600_000;
/** By which blobs are named. */
const ALGORITHMS = ["sha256", "sha512"] as const;
/** An index of indexes goes no deeper. */
const MAX_DEPTH = 3;

/** Blobs beside the place where they are to be, under names that nothing else uses. */
export interface Staged {
  /** Puts them in their place. */
  place(): Promise<void>;
  /** Removes what was not placed. */
  discard(): Promise<void>;
}

/** Brings the blobs of an image into the layout's folder. One that is there already is not read from the image again. */
export async function stage(directory: string, own: RepositoryReader, image: ImageContent, signal?: AbortSignal): Promise<Result<Staged>> {
  const folders = ALGORITHMS.map((algorithm) => join(directory, "blobs", algorithm));
  for (const each of folders) await makeFolder(each);
  const temporary = new Map<BlobDigest, string>();
  const discard = async () => {
    for (const path of temporary.values()) await rm(path, { force: true });
  };
  const stageOne = async (digest: BlobDigest, read: () => Promise<Result<Uint8Array>>): Promise<Result<void>> => {
    const path = join(dirname(blobPath(directory, digest)), `${TEMPORARY_PREFIX}${randomUUID()}`);
    temporary.set(digest, path);
    const bytes = await read();
    if (bytes.ok) await writeFile(path, bytes.value, { flag: "wx", flush: true });
    return bytes.ok ? ok(undefined) : bytes;
  };
  try {
    for (const blob of image.blobs) {
      const there = await own.blob(blob, blob.size);
      // A second name for the same file: it stays if another process removes the first.
      const isLinked = there.ok && (await linked(blobPath(directory, blob.digest), (path) => temporary.set(blob.digest, path)));
      const staged = isLinked ? ok(undefined) : await stageOne(blob.digest, () => image.read(blob, signal));
      if (!staged.ok) {
        await discard();
        return staged;
      }
    }
    await stageOne(image.manifest.digest, async () => ok(image.manifest.bytes));
  } catch (error) {
    await discard();
    throw error;
  }
  return ok({
    discard,
    async place() {
      for (const [digest, path] of temporary) await rename(path, blobPath(directory, digest));
      for (const each of folders) await syncFolder(each);
    },
  });
}

/** True when the file has a second name now; false where it is gone, or the file system has no such names. */
async function linked(from: string, note: (path: string) => void): Promise<boolean> {
  const path = join(dirname(from), `${TEMPORARY_PREFIX}${randomUUID()}`);
  try {
    await link(from, path);
    note(path);
    // Both names have one time, and what is old and unnamed goes.
    const now = new Date();
    await utimes(path, now, now);
    return true;
  } catch {
    return false;
  }
}

/** Every blob that the images name, they themselves included; `undefined` when one cannot be read, so that it is not known. */
export async function namedBlobs(own: RepositoryReader, images: readonly Digest[]): Promise<ReadonlySet<BlobDigest> | undefined> {
  const named = new Set<BlobDigest>();
  const visit = async (digest: Digest, depth: number): Promise<boolean> => {
    if (named.has(digest)) return true;
    const raw = await own.manifest(digest);
    if (!raw.ok) return raw.error.reason === "ImageNotFound";
    const parsed = parseManifest(raw.value, digest);
    if (!parsed.ok || depth > MAX_DEPTH) return false;
    named.add(digest);
    if (parsed.value.kind === "manifest") {
      for (const blob of blobsOf(parsed.value)) named.add(blob.digest);
      return true;
    }
    for (const entry of parsed.value.manifests) if (!(await visit(entry.digest, depth + 1))) return false;
    return true;
  };
  for (const digest of images) if (!(await visit(digest, 0))) return undefined;
  return named;
}

/** Deletes blobs: those of `unwanted`, and what nobody named for a day, such as what a crash left behind. Keeps what is in `named`. */
export async function deleteBlobs(
  directory: string,
  named: ReadonlySet<BlobDigest>,
  unwanted: ReadonlySet<BlobDigest>,
  now: number,
): Promise<void> {
  for (const algorithm of ALGORITHMS) {
    const folder = join(directory, "blobs", algorithm);
    const files = await readdir(folder).catch((error) => {
      if (hasCode(error, "ENOENT")) return [];
      throw error;
    });
    for (const file of files) {
      const digest: BlobDigest = `${algorithm}:${file}`;
      if (named.has(digest)) continue;
      const path = join(folder, file);
      if (unwanted.has(digest) || (await isOld(path, now))) await rm(path, { force: true });
    }
  }
}

async function isOld(path: string, now: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true && now - found.mtimeMs > UNNAMED_MS;
}
