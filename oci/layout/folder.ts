import { writeFileAtomically } from "../../base/atomic-file.ts";
import { hasCode } from "../../base/error.ts";
import { readBounded } from "../../base/read-bounded.ts";
import { type BlobDigest, type Digest, digestOf, hasDigest, isDigest } from "../../model/digest.ts";
import { type Failure, fail, ok, type Result } from "../../model/result.ts";
import { blobNotFound, tooLarge } from "../repository/bytes.ts";
import { type BlobDescriptor, type Descriptor, MAX_MANIFEST_BYTES, manifestTypes, type RawManifest } from "../repository/manifest.ts";
import type { Repository, RepositoryReader } from "../repository/repository.ts";
import { taking } from "../repository/transfer.ts";
import { blobPath, type Folder, guarded, unusable } from "./files.ts";
import { changeIndex, readIndex, TAG_ANNOTATION, whileLocked, withTag } from "./index-file.ts";
import { holdsFile, streamFile, writeStream } from "./transfer.ts";

/** The tag that an entry of index.json has in the repository that is read; `undefined`: it has none there. */
export type TagOf = (entry: Descriptor) => string | undefined;

const plainTag: TagOf = ({ annotations }) => annotations[TAG_ANNOTATION];

/**
 * An OCI image layout folder, for reading and writing. The first write makes the folder. Also fails with `LayoutUnreadable`.
 * https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 */
export function createLayoutRepository(directory: string, name: string): Repository {
  const folder: Folder = { directory, name };
  return {
    ...createLayoutReader(directory, name, plainTag),
    holdsBlob: async (descriptor) => ok(await holdsFile(folder, descriptor)),
    putStream: (descriptor, pieces) => writeStream(folder, descriptor, pieces),
    mount: async () => ok(false),
    putBlob: (bytes, digest) => guarded(folder, async () => ok(await writeFileAtomically(blobPath(directory, digest), bytes))),
    putManifest: (bytes, mediaType, tag) => guarded(folder, () => writeManifest(folder, bytes, mediaType, tag)),
  };
}

/** An image layout folder for reading, with the names that `tagOf` gives its images. */
export function createLayoutReader(directory: string, name: string, tagOf: TagOf): RepositoryReader {
  const folder: Folder = { directory, name };
  return {
    name,
    place: { registry: undefined, repository: directory },
    receive: (descriptor, take) => taking(streamFile(folder, descriptor), take),
    peek: (tag) => findTag(folder, tagOf, tag),
    async holds(digest) {
      const found = await readManifest(folder, tagOf, digest);
      return found.ok ? ok(true) : found;
    },
    manifest: (wanted) => readManifest(folder, tagOf, wanted),
    blob: (descriptor, limit) => readBlob(folder, descriptor, limit),
    referrers: async () => ok(undefined),
    tags: () => listTags(folder, tagOf),
  };
}

async function findTag({ directory, name }: Folder, tagOf: TagOf, tag: string): Promise<Result<Digest>> {
  const index = await readIndex(directory, name);
  if (!index.ok) return index;
  const found = new Set(index.value.manifests.filter((entry) => tagOf(entry) === tag).map(({ digest }) => digest));
  const [digest] = found;
  if (digest === undefined) return fail("ImageNotFound", `${name} has no image tagged ${tag}; check the tag, or push it first`);
  if (found.size > 1) return fail("AmbiguousTag", `${name} has ${found.size} images tagged ${tag}; name one by digest`);
  return ok(digest);
}

async function readManifest(folder: Folder, tagOf: TagOf, wanted: string): Promise<Result<RawManifest>> {
  const { name } = folder;
  const digest = isDigest(wanted) ? ok(wanted) : await findTag(folder, tagOf, wanted);
  if (!digest.ok) return digest;
  const missing = fail("ImageNotFound", `${name} has no image ${digest.value}`).error;
  const bytes = await readFileOf(folder, digest.value, MAX_MANIFEST_BYTES, missing);
  if (!bytes.ok) return bytes;
  const actual = digestOf(bytes.value);
  if (actual !== digest.value) return mismatch(name, digest.value);
  return ok({ bytes: bytes.value, digest: actual, mediaType: manifestTypes.ociManifest });
}

async function readBlob(folder: Folder, { digest, size }: BlobDescriptor, limit: number): Promise<Result<Uint8Array<ArrayBuffer>>> {
  const { name } = folder;
  if (size > limit) return fail("ModuleTooLarge", tooLarge(`layer ${digest} of ${name}`, size, limit));
  const missing = blobNotFound(name, digest).error;
  const bytes = await readFileOf(folder, digest, limit, missing);
  if (!bytes.ok) return bytes;
  const { byteLength } = bytes.value;
  if (byteLength < size)
    return fail("TruncatedBlob", `layer ${digest} of ${name} ended after ${byteLength} of ${size} bytes; push the image again`);
  return (await hasDigest(bytes.value, digest)) ? bytes : mismatch(name, digest);
}

async function listTags({ directory, name }: Folder, tagOf: TagOf): Promise<Result<readonly string[]>> {
  const index = await readIndex(directory, name);
  if (!index.ok) return index;
  return ok([...new Set(index.value.manifests.flatMap((entry) => tagOf(entry) ?? []))].sort());
}

async function writeManifest(folder: Folder, bytes: Uint8Array, mediaType: string, tag: string | undefined): Promise<Result<void>> {
  const { directory, name } = folder;
  const digest = digestOf(bytes);
  await writeFileAtomically(blobPath(folder.directory, digest), bytes);
  const added = { mediaType, digest, size: bytes.byteLength };
  return whileLocked(directory, name, () => changeIndex(directory, name, (entries) => withTag(entries, added, tag)));
}

async function readFileOf(folder: Folder, digest: BlobDigest, limit: number, missing: Failure): Promise<Result<Uint8Array<ArrayBuffer>>> {
  try {
    const content = await readBounded(blobPath(folder.directory, digest), limit);
    if (content === undefined) return fail("ModuleTooLarge", tooLarge(`${digest} of ${folder.name}`, undefined, limit));
    return ok(content);
  } catch (error) {
    return hasCode(error, "ENOENT") ? { ok: false, error: missing } : unusable(folder, error);
  }
}

function mismatch(name: string, digest: BlobDigest) {
  return fail("DigestMismatch", `the file of ${digest} in ${name} is damaged: it has other content; push the image again`);
}
