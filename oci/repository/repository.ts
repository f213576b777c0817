import type { BlobDigest, Digest } from "../../model/digest.ts";
import type { Result } from "../../model/result.ts";
import type { BlobDescriptor, Descriptor, RawManifest } from "./manifest.ts";
import type { BlobPlace, BlobSource, BlobTarget } from "./transfer.ts";

/**
 * One repository of images, in a registry or an image layout folder. All content it returns has the digest that was asked for. Failures: `ImageNotFound`, `BlobNotFound`, `DigestMismatch`, `TruncatedBlob`, `ModuleTooLarge`; from a registry also
 * `AccessDenied`, `RateLimited`, `RegistryUnavailable`, `Canceled`.
 */
export interface Repository extends BlobSource, BlobTarget {
  /** For messages: the reference without tag and digest. */
  readonly name: string;
  readonly place: BlobPlace;
  /** The digest behind a tag without fetching the manifest; `undefined` when only a fetch tells. */
  peek(tag: string, signal?: AbortSignal): Promise<Result<Digest | undefined>>;
  /** True when the manifest or index with this digest may be read here, as one HEAD tells. False: only fetching it tells. */
  holds(digest: Digest, signal?: AbortSignal): Promise<Result<boolean>>;
  /** The manifest or index behind a tag or digest. */
  manifest(reference: string, signal?: AbortSignal): Promise<Result<RawManifest>>;
  /** The content of a descriptor, at most `limit` bytes. */
  blob(descriptor: BlobDescriptor, limit: number, signal?: AbortSignal): Promise<Result<Uint8Array<ArrayBuffer>>>;
  /** What the referrers API lists for this manifest; `undefined`: there is no such API. See `listReferrers`, which knows the other way too. */
  referrers(digest: Digest, signal?: AbortSignal): Promise<Result<readonly Descriptor[] | undefined>>;
  /** Every tag, sorted. */
  tags(signal?: AbortSignal): Promise<Result<readonly string[]>>;
  /** Stores a blob unless it is there. */
  putBlob(bytes: Uint8Array<ArrayBuffer>, digest: BlobDigest, signal?: AbortSignal): Promise<Result<void>>;
  /** Stores a manifest and points the tag at it. Without a tag only its digest leads to it. */
  putManifest(bytes: Uint8Array<ArrayBuffer>, mediaType: string, tag: string | undefined, signal?: AbortSignal): Promise<Result<void>>;
}

/** A repository for reading. */
export type RepositoryReader = Omit<Repository, "putBlob" | "putManifest" | keyof BlobTarget>;
