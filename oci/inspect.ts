import type { ImageReferrer } from "../model/catalog.ts";
import type { Digest } from "../model/digest.ts";
import type { Keychain } from "../model/module.ts";
import { ok, type Result } from "../model/result.ts";
import { defaultLimits, type FetchedModule, fetchWhole, findImage } from "./image/image.ts";
import { type OciOptions, openReference } from "./open.ts";
import type { BlobDescriptor, Manifest } from "./repository/manifest.ts";
import { formatReference, type Reference, wantedOf } from "./repository/reference.ts";
import { listReferrers } from "./repository/referrers.ts";
import type { RepositoryReader } from "./repository/repository.ts";

export interface InspectOptions extends OciOptions {
  readonly keychain: Keychain;
  readonly signal?: AbortSignal;
}

/** An image in a registry or folder, with the module that it carries. It has four digests: of the index, manifest, layer and module. */
export interface InspectedImage extends FetchedModule {
  /** The reference in full. */
  readonly reference: string;
  /** The index that led to the manifest, when the reference names one. */
  readonly indexDigest: Digest | undefined;
  /** `manifest.digest` is what `status.digest` shows. */
  readonly manifest: Manifest;
  /** The layer that carries the module: the module itself or an archive that holds it. */
  readonly layer: BlobDescriptor;
}

/** Fetches an image and its module without touching the store. Fails as `ModuleRegistry.resolve` and `pull` do. */
export async function inspectImage(text: string, options: InspectOptions): Promise<Result<InspectedImage>> {
  const opened = openReference(text, options.keychain, options);
  if (!opened.ok) return opened;
  return inspectIn(opened.value.repository, opened.value.reference, options);
}

/** The same for an image of a repository that is open. */
export async function inspectIn(
  repository: RepositoryReader,
  reference: Reference,
  options: Pick<InspectOptions, "limits" | "signal"> = {},
): Promise<Result<InspectedImage>> {
  const image = await findImage(repository, wantedOf(reference), options.signal);
  if (!image.ok) return image;
  const fetched = await fetchWhole(repository, image.value, options.limits ?? defaultLimits, options.signal);
  if (!fetched.ok) return fetched;
  const { manifest, index, moduleLayer } = image.value;
  return ok({ reference: formatReference(reference), indexDigest: index?.digest, manifest, layer: moduleLayer.layer, ...fetched.value });
}

/** What refers to an image, by the registry's list; at most 100. */
export async function referrersOf(text: string, digest: Digest, options: InspectOptions): Promise<Result<readonly ImageReferrer[]>> {
  const opened = openReference(text, options.keychain, options);
  if (!opened.ok) return opened;
  const listed = await listReferrers(opened.value.repository, digest, options.signal);
  if (!listed.ok) return listed;
  return ok(
    listed.value.slice(0, MAX_REFERRING).map((each) => ({ digest: each.digest, artifactType: each.artifactType ?? each.mediaType })),
  );
}

const MAX_REFERRING = 100;

/** The tags of the repository that a reference names (its own tag does not matter), sorted. */
export async function listTags(text: string, options: InspectOptions): Promise<Result<readonly string[]>> {
  const opened = openReference(text, options.keychain, options);
  return opened.ok ? opened.value.repository.tags(options.signal) : opened;
}
