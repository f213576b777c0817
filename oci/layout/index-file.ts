import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../../base/atomic-file.ts";
import { hasCode, messageOf } from "../../base/error.ts";
import { type FileLock, waitForLock } from "../../base/file-lock.ts";
import { isRecord } from "../../base/json.ts";
import { makeFolder } from "../../base/make-folder.ts";
import { readBounded } from "../../base/read-bounded.ts";
import { digestOf } from "../../model/digest.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";
import { printBytes } from "../repository/bytes.ts";
import { type Descriptor, type Index, MAX_MANIFEST_BYTES, manifestTypes, parseManifest } from "../repository/manifest.ts";

/** https://github.com/opencontainers/image-spec/blob/main/annotations.md#pre-defined-annotation-keys */
export const TAG_ANNOTATION = "org.opencontainers.image.ref.name";

/** A descriptor of an index.json as it stands there, with what other tools wrote into it. */
export type IndexEntry = Readonly<Record<string, unknown>>;

/** Entries of one index.json. */
const MAX_ENTRIES = 10_000;
const LOCK_TIMEOUT_MS = 60_000;

/** The folder's index.json. Fails with `ImageNotFound` when there is no layout, `InvalidManifest` when it is no index. */
export async function readIndex(directory: string, name: string): Promise<Result<Index>> {
  let bytes: Uint8Array | undefined;
  try {
    bytes = await readBounded(join(directory, "index.json"), MAX_MANIFEST_BYTES);
  } catch (error) {
    if (!hasCode(error, "ENOENT", "ENOTDIR")) return fail("LayoutUnreadable", `${name} cannot be read (${messageOf(error)})`);
    return fail("ImageNotFound", `${name} is not an OCI image layout: ${directory} has no index.json`);
  }
  if (bytes === undefined)
    return fail(
      "InvalidManifest",
      `the index.json of ${name} is larger than ${printBytes(MAX_MANIFEST_BYTES)}; remove entries that nothing needs`,
    );
  const raw = { bytes, digest: digestOf(bytes), mediaType: manifestTypes.ociIndex };
  const advice = "mend the file, or begin with another folder";
  const parsed = parseManifest(raw, `the index.json of ${name}`, { maxEntries: MAX_ENTRIES, advice });
  if (!parsed.ok) return parsed;
  return parsed.value.kind === "index" ? ok(parsed.value) : fail("InvalidManifest", `the index.json of ${name} is not an image index`);
}

/** Runs while no other process changes the layout. Makes the folder. Fails with `LayoutBusy`, or as `work` does. */
export async function whileLocked<T>(directory: string, name: string, work: () => Promise<Result<T>>): Promise<Result<T>> {
  await makeFolder(directory);
  let lock: FileLock | undefined;
  try {
    lock = await waitForLock(join(directory, ".lock"), LOCK_TIMEOUT_MS);
    if (lock === undefined)
      return failForNow("LayoutBusy", `another process has been writing to ${name} for a minute; try again when it is done`);
  } catch {
    // A file system without locks: each file is still written whole, and of two changes at once the last counts.
  }
  try {
    return await work();
  } finally {
    lock?.release();
  }
}

/** Changes the entries of index.json, and makes the layout where there is none. Keeps all else in it. To be called while locked. */
export async function changeIndex(
  directory: string,
  name: string,
  change: (entries: readonly IndexEntry[]) => readonly IndexEntry[],
): Promise<Result<void>> {
  const path = join(directory, "index.json");
  const current = await readIndex(directory, name);
  if (!current.ok && current.error.reason !== "ImageNotFound") return current;
  const document: unknown = current.ok ? JSON.parse(await readFile(path, "utf8")) : {};
  const manifests = change(isRecord(document) && Array.isArray(document.manifests) ? document.manifests.filter(isRecord) : []);
  const index = { ...(isRecord(document) ? document : {}), schemaVersion: 2, mediaType: manifestTypes.ociIndex, manifests };
  const bytes = Buffer.from(`${JSON.stringify(index, undefined, 2)}\n`);
  // What could not be read again must not be written.
  if (bytes.byteLength > MAX_MANIFEST_BYTES || manifests.length > MAX_ENTRIES)
    return fail("LayoutFull", `${name} lists ${manifests.length} images, and its index.json takes no more; remove some that nothing needs`);
  if (!current.ok) await writeFileAtomically(join(directory, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await writeFileAtomically(path, bytes);
  return ok(undefined);
}

/** Adds or moves the tag. The image that had it stays listed without a tag, so that its digest still works and no tool removes it as garbage. */
export function withTag(entries: readonly IndexEntry[], added: Omit<Descriptor, "annotations">, tag: string | undefined): IndexEntry[] {
  const entry: IndexEntry = tag === undefined ? { ...added } : { ...added, annotations: { [TAG_ANNOTATION]: tag } };
  const all = [...entries.map((each) => withoutTag(each, tag)), entry];
  const tagged = new Set(all.filter((each) => tagOf(each) !== undefined).map(({ digest }) => digest));
  const untagged = new Map(all.filter(({ digest }) => !tagged.has(digest)).map((each) => [each.digest, each]));
  return [...untagged.values(), ...all.filter((each) => tagOf(each) !== undefined)];
}

function tagOf({ annotations }: IndexEntry): unknown {
  return isRecord(annotations) ? annotations[TAG_ANNOTATION] : undefined;
}

function withoutTag(entry: IndexEntry, tag: string | undefined): IndexEntry {
  if (tag === undefined || tagOf(entry) !== tag || !isRecord(entry.annotations)) return entry;
  const { [TAG_ANNOTATION]: _, ...annotations } = entry.annotations;
  return { ...entry, annotations };
}
