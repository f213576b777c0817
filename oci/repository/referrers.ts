import { type Digest, digestOf } from "../../model/digest.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { type Descriptor, manifestTypes, parseManifest, type RawManifest } from "./manifest.ts";
import type { Repository, RepositoryReader } from "./repository.ts";

/** What refers to an image, as a registry is to keep it: a manifest with `subject`. */
export interface Referrer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly artifactType: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A document that refers to an image, in a registry that tells who refers to what. */
export interface Attachment {
  /** Of the document, and of what refers: `application/spdx+json`. */
  readonly mediaType: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The tag of the list of referrers in a registry without the API. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema */
export function referrersTag(digest: Digest): string {
  return digest.replace(":", "-");
}

/**
 * What a tag's name says that it belongs to: the list of referrers, or what cosign keeps by tag (`sha256-….sig`). `undefined`: it is the tag of an image.
 * https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md#tag-based-discovery
 */
export function subjectOfTag(tag: string): Digest | undefined {
  const digits = /^sha256-([a-f0-9]{64})(?:\.[a-z0-9]+)?$/.exec(tag)?.[1];
  return digits === undefined ? undefined : `sha256:${digits}`;
}

/**
 * The manifests that refer to this one, in the registry's order: by its API, and by the tag in which tools keep the list for registries without one. A registry that learned the API
 * later has both. Empty where there are none.
 */
export async function listReferrers(
  repository: RepositoryReader,
  digest: Digest,
  signal?: AbortSignal,
): Promise<Result<readonly Descriptor[]>> {
  const listed = await repository.referrers(digest, signal);
  if (!listed.ok) return listed;
  const tagged = await taggedReferrers(repository, digest, signal);
  if (!tagged.ok) return tagged;
  const known = new Map([...tagged.value, ...(listed.value ?? [])].map((each) => [each.digest, each]));
  return ok([...known.values()]);
}

async function taggedReferrers(repository: RepositoryReader, digest: Digest, signal?: AbortSignal): Promise<Result<readonly Descriptor[]>> {
  const tag = referrersTag(digest);
  const raw = await repository.manifest(tag, signal);
  if (!raw.ok) return raw.error.reason === "ImageNotFound" ? ok([]) : raw;
  const index = parseManifest(raw.value, `${repository.name}:${tag}`, { maxEntries: 10_000 });
  if (!index.ok) return index;
  if (index.value.kind !== "index") return fail("InvalidManifest", `${repository.name}:${tag} is no list of referrers; remove that tag`);
  return ok(index.value.manifests);
}

/** Stores a manifest that refers to `subject`, and has it listed where the registry does not do that itself. Its blobs are there already. */
export async function addReferrer(repository: Repository, subject: Digest, added: Referrer, signal?: AbortSignal): Promise<Result<Digest>> {
  const digest = digestOf(added.bytes);
  const stored = await repository.putManifest(added.bytes, manifestTypes.ociManifest, undefined, signal);
  if (!stored.ok) return stored;
  const listed = await repository.referrers(subject, signal);
  if (!listed.ok) return listed;
  if (listed.value !== undefined) return ok(digest);
  const before = await taggedReferrers(repository, subject, signal);
  if (!before.ok) return before;
  if (before.value.some((each) => each.digest === digest)) return ok(digest);
  const { artifactType, annotations, bytes } = added;
  const entry = { mediaType: manifestTypes.ociManifest, size: bytes.byteLength, digest, artifactType, annotations };
  const manifests = [...before.value, entry];
  const index = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, mediaType: manifestTypes.ociIndex, manifests }));
  const tagged = await repository.putManifest(index, manifestTypes.ociIndex, referrersTag(subject), signal);
  return tagged.ok ? ok(digest) : tagged;
}

/** https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidelines-for-artifact-usage */
const EMPTY = { mediaType: "application/vnd.oci.empty.v1+json", bytes: new TextEncoder().encode("{}") };

/** Attaches a document to an image, as a manifest that names the image as its subject. Pure content: the same document is attached once. */
export async function attach(
  repository: Repository,
  subject: RawManifest,
  { mediaType, bytes, annotations = {} }: Attachment,
  signal?: AbortSignal,
): Promise<Result<Digest>> {
  const described = [{ mediaType, bytes }, EMPTY].map((each) => ({ ...each, digest: digestOf(each.bytes), size: each.bytes.byteLength }));
  for (const blob of described) {
    const stored = await repository.putBlob(blob.bytes, blob.digest, signal);
    if (!stored.ok) return stored;
  }
  const [layer, config] = described.map(({ bytes: _, ...descriptor }) => descriptor);
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestTypes.ociManifest,
    artifactType: mediaType,
    config,
    layers: [layer],
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.bytes.byteLength },
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
  const encoded = new TextEncoder().encode(JSON.stringify(manifest));
  return addReferrer(repository, subject.digest, { bytes: encoded, artifactType: mediaType, annotations }, signal);
}
