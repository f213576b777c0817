import { type Digest, digestOf } from "../model/digest.ts";
import type { Keychain } from "../model/module.ts";
import { fail, ok, type Result } from "../model/result.ts";
import { copyReferrers } from "./copy/copy.ts";
import { type ArtifactOptions, createArtifact, type ImageContent, writeContent } from "./image/content.ts";
import { type OciOptions, openRepository } from "./open.ts";
import { formatReference, parseReference, TAG } from "./repository/reference.ts";
import { type Attachment, attach } from "./repository/referrers.ts";
import type { RepositoryReader } from "./repository/repository.ts";

export interface PushImageOptions extends OciOptions {
  readonly keychain: Keychain;
  /** More tags of the same repository. */
  readonly tags?: readonly string[];
  /** What is attached to the image: a bill of materials. */
  readonly attached?: readonly Attachment[];
  /** What refers to the image in this repository goes along: signatures, bills of materials. */
  readonly referrersFrom?: RepositoryReader | undefined;
  readonly signal?: AbortSignal;
}

export interface PushOptions extends PushImageOptions, ArtifactOptions {}

export interface PushedImage {
  /** The reference in full, with the new digest. */
  readonly reference: string;
  /** Of the image manifest: what `spec.digest` takes. */
  readonly digest: Digest;
  /** Manifests that went along as they refer to it. */
  readonly referrers: number;
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
  const { referrersFrom, signal } = options;
  const referring = referrersFrom === undefined ? ok(0) : await copyReferrers(referrersFrom, digest, repository.value, signal);
  if (!referring.ok) return referring;
  return ok({ reference: formatReference({ ...reference.value, digest }), digest, referrers: referring.value });
}
