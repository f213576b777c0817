import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../../base/atomic-file.ts";
import { hasCode, messageOf } from "../../base/error.ts";
import { isRecord } from "../../base/json.ts";
import { type Digest, digestAside, digestOf, isDigest } from "../../model/digest.ts";
import { type Failure, fail, ok, type Result } from "../../model/result.ts";
import { printBytes, tooLarge } from "../repository/bytes.ts";
import { type Descriptor, type Index, MAX_MANIFEST_BYTES, manifestTypes, parseManifest } from "../repository/manifest.ts";
import type { Repository } from "../repository/repository.ts";

const TAG_ANNOTATION = "org.opencontainers.image.ref.name";

/**
 * An OCI image layout folder, read and written. `directory` is where it lies, `name` how the reference wrote it. The folder is made by
 * the first write. Also fails with `LayoutUnreadable`. https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 */
export function createLayoutRepository(directory: string, name: string): Repository {
  const pathOf = (digest: Digest) => join(directory, "blobs", "sha256", digest.slice("sha256:".length));
  const unreadable = (error: unknown) => fail("LayoutUnreadable", `${name} cannot be read or written (${messageOf(error)})`);

  async function find(tag: string): Promise<Result<Digest>> {
    const index = await readIndex(directory, name);
    if (!index.ok) return index;
    const found = new Set(
      index.value.manifests.filter(({ annotations }) => annotations[TAG_ANNOTATION] === tag).map(({ digest }) => digest),
    );
    const [digest] = found;
    if (digest === undefined) return fail("ImageNotFound", `${name} has no image tagged ${tag}; check the tag, or push it first`);
    if (found.size > 1) return fail("AmbiguousTag", `${name} has ${found.size} images tagged ${tag}; name one by digest`);
    return ok(digest);
  }

  async function read(digest: Digest, limit: number, missing: Failure): Promise<Result<Uint8Array<ArrayBuffer>>> {
    try {
      const content = await readBounded(pathOf(digest), limit);
      if (content === undefined) return fail("ModuleTooLarge", tooLarge(`${digest} of ${name}`, undefined, limit));
      return ok(content);
    } catch (error) {
      return hasCode(error, "ENOENT") ? { ok: false, error: missing } : unreadable(error);
    }
  }

  return {
    name,
    peek: find,
    async manifest(wanted) {
      const digest = isDigest(wanted) ? ok(wanted) : await find(wanted);
      if (!digest.ok) return digest;
      const bytes = await read(digest.value, MAX_MANIFEST_BYTES, fail("ImageNotFound", `${name} has no image ${digest.value}`).error);
      if (!bytes.ok) return bytes;
      const actual = digestOf(bytes.value);
      if (actual !== digest.value) return mismatch(name, digest.value, actual);
      return ok({ bytes: bytes.value, digest: actual, mediaType: manifestTypes.ociManifest });
    },
    async blob({ digest, size }, limit) {
      if (size > limit) return fail("ModuleTooLarge", tooLarge(`layer ${digest} of ${name}`, size, limit));
      const bytes = await read(
        digest,
        limit,
        fail("BlobNotFound", `${name} lacks layer ${digest}, which its manifest names; push the image again`).error,
      );
      if (!bytes.ok) return bytes;
      const { byteLength } = bytes.value;
      if (byteLength < size)
        return fail("TruncatedBlob", `layer ${digest} of ${name} ended after ${byteLength} of ${size} bytes; push the image again`);
      const actual = await digestAside(bytes.value);
      return actual === digest ? bytes : mismatch(name, digest, actual);
    },
    async tags() {
      const index = await readIndex(directory, name);
      if (!index.ok) return index;
      return ok([...new Set(index.value.manifests.flatMap(({ annotations }) => annotations[TAG_ANNOTATION] ?? []))].sort());
    },
    async putBlob(bytes, digest) {
      try {
        await writeFileAtomically(pathOf(digest), bytes);
        return ok(undefined);
      } catch (error) {
        return unreadable(error);
      }
    },
    async putManifest(bytes, mediaType, tag) {
      const digest = digestOf(bytes);
      try {
        await writeFileAtomically(pathOf(digest), bytes);
        await writeFileAtomically(join(directory, "oci-layout"), Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
        return await addToIndex(directory, name, { mediaType, digest, size: bytes.byteLength, annotations: {} }, tag);
      } catch (error) {
        return unreadable(error);
      }
    },
  };
}

/** The folder's index.json. Fails with `ImageNotFound` when there is no layout, `InvalidManifest` when it is no index. */
async function readIndex(directory: string, name: string): Promise<Result<Index>> {
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
  const parsed = parseManifest({ bytes, digest: digestOf(bytes), mediaType: manifestTypes.ociIndex }, `the index.json of ${name}`);
  if (!parsed.ok) return parsed;
  return parsed.value.kind === "index" ? ok(parsed.value) : fail("InvalidManifest", `the index.json of ${name} is not an image index`);
}

/** Adds or moves the tag. The image that had it stays listed without a tag, so that it is found by digest and survives other tools' cleaning. */
async function addToIndex(directory: string, name: string, entry: Descriptor, tag: string | undefined): Promise<Result<void>> {
  const path = join(directory, "index.json");
  const current = await readIndex(directory, name);
  if (!current.ok && current.error.reason !== "ImageNotFound") return current;
  const document: unknown = current.ok ? JSON.parse(await readFile(path, "utf8")) : {};
  const listed = isRecord(document) && Array.isArray(document.manifests) ? document.manifests.filter(isRecord) : [];
  const { annotations: _, ...descriptor } = entry;
  const added: Record<string, unknown> = tag === undefined ? descriptor : { ...descriptor, annotations: { [TAG_ANNOTATION]: tag } };
  const all = [...listed.map((manifest) => withoutTag(manifest, tag)), added];
  const tagged = new Set(all.filter((manifest) => tagOf(manifest) !== undefined).map(({ digest }) => digest));
  const untagged = new Map(all.filter(({ digest }) => !tagged.has(digest)).map((manifest) => [manifest.digest, manifest]));
  const manifests = [...untagged.values(), ...all.filter((manifest) => tagOf(manifest) !== undefined)];
  const index = { ...(isRecord(document) ? document : {}), schemaVersion: 2, mediaType: manifestTypes.ociIndex, manifests };
  await writeFileAtomically(path, Buffer.from(`${JSON.stringify(index, undefined, 2)}\n`));
  return ok(undefined);
}

function tagOf({ annotations }: Record<string, unknown>): unknown {
  return isRecord(annotations) ? annotations[TAG_ANNOTATION] : undefined;
}

function withoutTag(manifest: Record<string, unknown>, tag: string | undefined): Record<string, unknown> {
  if (tag === undefined || tagOf(manifest) !== tag || !isRecord(manifest.annotations)) return manifest;
  const { [TAG_ANNOTATION]: _, ...annotations } = manifest.annotations;
  return { ...manifest, annotations };
}

/** The file's bytes, `undefined` when there are more than `limit`. Throws what the file system throws. */
async function readBounded(path: string, limit: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    if (size > limit) return undefined;
    const bytes = new Uint8Array(size);
    let offset = 0;
    while (offset < size) {
      const { bytesRead } = await file.read(bytes, offset, size - offset);
      if (bytesRead === 0) break;
      offset += bytesRead;
    }
    return offset === size ? bytes : bytes.slice(0, offset);
  } finally {
    await file.close();
  }
}

function mismatch(name: string, digest: Digest, actual: Digest) {
  return fail("DigestMismatch", `the file of ${digest} in ${name} is damaged: its digest is ${actual}`);
}
