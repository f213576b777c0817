import { join } from "node:path";
import { writeFileAtomically } from "../../base/atomic-file.ts";
import { hasCode, messageOf } from "../../base/error.ts";
import { type Digest, digestAside, digestOf, isDigest } from "../../model/digest.ts";
import { type Failure, fail, ok, type Result } from "../../model/result.ts";
import { tooLarge } from "../repository/bytes.ts";
import { type Descriptor, MAX_MANIFEST_BYTES, manifestTypes, type RawManifest } from "../repository/manifest.ts";
import type { Repository } from "../repository/repository.ts";
import { addToIndex, readIndex, TAG_ANNOTATION } from "./index-file.ts";
import { readBounded } from "./read-bounded.ts";

/** Where the layout is, and how the reference names it. */
interface Folder {
  readonly directory: string;
  readonly name: string;
}

/**
 * An OCI image layout folder, for reading and writing. The first write makes the folder. Also fails with `LayoutUnreadable`.
 * https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 */
export function createLayoutRepository(directory: string, name: string): Repository {
  const folder: Folder = { directory, name };
  return {
    name,
    peek: (tag) => findTag(folder, tag),
    async holds(digest) {
      const found = await readManifest(folder, digest);
      return found.ok ? ok(true) : found;
    },
    manifest: (wanted) => readManifest(folder, wanted),
    blob: (descriptor, limit) => readBlob(folder, descriptor, limit),
    tags: () => listTags(folder),
    putBlob: (bytes, digest) => writing(folder, async () => ok(await writeFileAtomically(pathOf(folder, digest), bytes))),
    putManifest: (bytes, mediaType, tag) => writing(folder, () => writeManifest(folder, bytes, mediaType, tag)),
  };
}

async function findTag({ directory, name }: Folder, tag: string): Promise<Result<Digest>> {
  const index = await readIndex(directory, name);
  if (!index.ok) return index;
  const found = new Set(index.value.manifests.filter(({ annotations }) => annotations[TAG_ANNOTATION] === tag).map(({ digest }) => digest));
  const [digest] = found;
  if (digest === undefined) return fail("ImageNotFound", `${name} has no image tagged ${tag}; check the tag, or push it first`);
  if (found.size > 1) return fail("AmbiguousTag", `${name} has ${found.size} images tagged ${tag}; name one by digest`);
  return ok(digest);
}

async function readManifest(folder: Folder, wanted: string): Promise<Result<RawManifest>> {
  const { name } = folder;
  const digest = isDigest(wanted) ? ok(wanted) : await findTag(folder, wanted);
  if (!digest.ok) return digest;
  const missing = fail("ImageNotFound", `${name} has no image ${digest.value}`).error;
  const bytes = await readFileOf(folder, digest.value, MAX_MANIFEST_BYTES, missing);
  if (!bytes.ok) return bytes;
  const actual = digestOf(bytes.value);
  if (actual !== digest.value) return mismatch(name, digest.value, actual);
  return ok({ bytes: bytes.value, digest: actual, mediaType: manifestTypes.ociManifest });
}

async function readBlob(folder: Folder, { digest, size }: Descriptor, limit: number): Promise<Result<Uint8Array<ArrayBuffer>>> {
  const { name } = folder;
  if (size > limit) return fail("ModuleTooLarge", tooLarge(`layer ${digest} of ${name}`, size, limit));
  const missing = fail("BlobNotFound", `${name} lacks layer ${digest}, which its manifest names; push the image again`).error;
  const bytes = await readFileOf(folder, digest, limit, missing);
  if (!bytes.ok) return bytes;
  const { byteLength } = bytes.value;
  if (byteLength < size)
    return fail("TruncatedBlob", `layer ${digest} of ${name} ended after ${byteLength} of ${size} bytes; push the image again`);
  const actual = await digestAside(bytes.value);
  return actual === digest ? bytes : mismatch(name, digest, actual);
}

async function listTags({ directory, name }: Folder): Promise<Result<readonly string[]>> {
  const index = await readIndex(directory, name);
  if (!index.ok) return index;
  return ok([...new Set(index.value.manifests.flatMap(({ annotations }) => annotations[TAG_ANNOTATION] ?? []))].sort());
}

async function writeManifest(folder: Folder, bytes: Uint8Array, mediaType: string, tag: string | undefined): Promise<Result<void>> {
  const digest = digestOf(bytes);
  await writeFileAtomically(pathOf(folder, digest), bytes);
  await writeFileAtomically(join(folder.directory, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  return addToIndex(folder.directory, folder.name, { mediaType, digest, size: bytes.byteLength, annotations: {} }, tag);
}

function pathOf({ directory }: Folder, digest: Digest): string {
  return join(directory, "blobs", "sha256", digest.slice("sha256:".length));
}

async function readFileOf(folder: Folder, digest: Digest, limit: number, missing: Failure): Promise<Result<Uint8Array<ArrayBuffer>>> {
  try {
    const content = await readBounded(pathOf(folder, digest), limit);
    if (content === undefined) return fail("ModuleTooLarge", tooLarge(`${digest} of ${folder.name}`, undefined, limit));
    return ok(content);
  } catch (error) {
    return hasCode(error, "ENOENT") ? { ok: false, error: missing } : unusable(folder, error);
  }
}

async function writing(folder: Folder, write: () => Promise<Result<void>>): Promise<Result<void>> {
  try {
    return await write();
  } catch (error) {
    return unusable(folder, error);
  }
}

function unusable({ name }: Folder, error: unknown) {
  return fail("LayoutUnreadable", `${name} cannot be read or written (${messageOf(error)})`);
}

function mismatch(name: string, digest: Digest, actual: Digest) {
  return fail("DigestMismatch", `the file of ${digest} in ${name} is damaged: its digest is ${actual}`);
}
