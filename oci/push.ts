import { type Digest, digestOf } from "../model/digest.ts";
import type { Keychain } from "../model/module.ts";
import { fail, ok, type Result } from "../model/result.ts";
import { type ArtifactOptions, createArtifact, type ImageContent, writeContent } from "./image/content.ts";
import { type OciOptions, openRepository } from "./open.ts";
import { manifestTypes, type RawManifest } from "./repository/manifest.ts";
import { formatReference, parseReference, TAG } from "./repository/reference.ts";
import { addReferrer } from "./repository/referrers.ts";
import type { Repository } from "./repository/repository.ts";

export interface PushImageOptions extends OciOptions {
  readonly keychain: Keychain;
  /** More tags of the same repository. */
  readonly tags?: readonly string[];
  /** What is attached to the image: a bill of materials. */
  readonly attached?: readonly Attachment[];
  readonly signal?: AbortSignal;
}

/** A document that refers to an image, in a registry that tells who refers to what. */
export interface Attachment {
  /** Of the document, and of what refers: `application/spdx+json`. */
  readonly mediaType: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface PushOptions extends PushImageOptions, ArtifactOptions {}

export interface PushedImage {
  /** The reference in full, with the new digest. */
  readonly reference: string;
  /** Of the image manifest: what `spec.digest` takes. */
  readonly digest: Digest;
}

export interface Pushed extends PushedImage {
  /** Of the module's bytes. */
  readonly wasmDigest: Digest;
  /** Bytes of the module. */
  readonly size: number;
}

/**
 * Writes a module as a CNCF Wasm artifact to a registry or an image layout folder and points the reference's tag at it.
 * Fails with `InvalidReference`, or as `Repository` does.
 */
export async function pushModule(text: string, module: Uint8Array, options: PushOptions): Promise<Result<Pushed>> {
  const pushed = await pushImage(text, createArtifact(module, options), options);
  return pushed.ok ? ok({ ...pushed.value, wasmDigest: digestOf(module), size: module.byteLength }) : pushed;
}

/** Writes an image as it is, under the reference's tag. Fails as `pushModule` does, or as reading the image does. */
export async function pushImage(text: string, image: ImageContent, options: PushImageOptions): Promise<Result<PushedImage>> {
  const reference = parseReference(text);
  if (!reference.ok) return reference;
  const { tag, digest: named } = reference.value;
  if (tag === undefined || named !== undefined)
    return fail("InvalidReference", `${JSON.stringify(text)}: push to a tag; the digest follows from the content`);
  const others = options.tags ?? [];
  const wrong = others.find((each) => !TAG.test(each));
  if (wrong !== undefined) return fail("InvalidReference", `${JSON.stringify(wrong.slice(0, 200))} is not a tag`);
  const repository = openRepository(reference.value, options.keychain, options);
  if (!repository.ok) return repository;
  const written = await writeContent(repository.value, image, [...new Set([tag, ...others])], options.signal);
  if (!written.ok) return written;
  for (const attachment of options.attached ?? []) {
    const attached = await attach(repository.value, image.manifest, attachment, options.signal);
    if (!attached.ok) return attached;
  }
  const { digest } = image.manifest;
  return ok({ reference: formatReference({ ...reference.value, digest }), digest });
}

/** https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidelines-for-artifact-usage */
const EMPTY = { mediaType: "application/vnd.oci.empty.v1+json", bytes: new TextEncoder().encode("{}") };

/** Attaches a document to an image, as a manifest that names the image as its subject. Pure content: the same document is attached once. */
async function attach(
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
