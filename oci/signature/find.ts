import type { Digest } from "../../model/digest.ts";
import type { Failure } from "../../model/result.ts";
import { fetchDocument } from "../image/index-entries.ts";
import type { BlobDescriptor, Manifest } from "../repository/manifest.ts";
import { listReferrers, referrersTag } from "../repository/referrers.ts";
import type { RepositoryReader } from "../repository/repository.ts";
import { Broken } from "../repository/transfer.ts";
import { readBundle, readEnvelope, readSimpleSigning } from "./bundle.ts";
import type { FoundSignature } from "./found.ts";

/** Signatures of one image that are looked at, the newest first. Whoever may push can add any number. */
const MAX_SIGNATURES = 64;
/** Bytes of one of them: an SBOM is in its attestation. */
const MAX_SIGNATURE_BYTES = 16 << 20;
/** Bytes of all of them together, though one at a time is in memory. */
const MAX_TOTAL_BYTES = 64 << 20;

export const BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const BUNDLE_TYPES = /^application\/vnd\.dev\.sigstore\.bundle(?:\.v\d\.\d)?\+json/;
const SIMPLE_SIGNING_LAYER = "application/vnd.dev.cosign.simplesigning.v1+json";
const ENVELOPE_LAYER = "application/vnd.dsse.envelope.v1+json";
/** What cosign calls the manifests that refer to an image and hold signatures of it. */
const SIGNING_TYPES = /^application\/vnd\.dev\.(?:sigstore\.bundle|cosign\.artifact\.(?:sig|att))/;

/** What was passed over. */
export interface PassedOver {
  /** Of how many nothing could be read. */
  readonly unreadable: number;
  /** How many more there are than were looked at, as far as that is known. */
  readonly beyond: number;
}

/** A layer that may be a signature, and where it is. */
interface Place {
  readonly layer: BlobDescriptor;
  readonly name: string;
}

/**
 * Finds what is stored beside an image and may be a signature, the newest first: in the manifests that refer to it, and under cosign's tags `sha256-….sig` and `sha256-….att`.
 * One at a time is fetched, when it is asked for, and nothing of it is kept here: who drops it before asking for the next holds one of them in memory. Throws `Broken` where the
 * repository cannot be read, and only then; `retryable`, as what a registry refuses may be granted.
 */
export async function* findSignatures(
  repository: RepositoryReader,
  digest: Digest,
  signal?: AbortSignal,
): AsyncGenerator<FoundSignature, PassedOver> {
  const listed = await listReferrers(repository, digest, signal);
  if (!listed.ok) throw unread(repository, digest, listed.error);
  const referring = listed.value.filter(({ artifactType }) => artifactType === undefined || SIGNING_TYPES.test(artifactType));
  const names = [...referring.map((each) => each.digest as string), `${referrersTag(digest)}.att`, `${referrersTag(digest)}.sig`];
  const search: Search = { repository, digest, signal, left: MAX_TOTAL_BYTES };
  let unreadable = 0;
  let looked = 0;
  // What was added last comes last.
  for (const [read, name] of names.toReversed().entries()) {
    if (read >= MAX_SIGNATURES || looked >= MAX_SIGNATURES) return { unreadable, beyond: names.length - read };
    const places = await placesBehind(search, name);
    if (places === undefined) unreadable++;
    for (const [at, place] of (places ?? []).entries()) {
      if (looked++ >= MAX_SIGNATURES) return { unreadable, beyond: (places ?? []).length - at + names.length - read - 1 };
      const signature = await readPlace(search, place);
      if (signature === undefined) unreadable++;
      else yield signature;
    }
  }
  return { unreadable, beyond: 0 };
}

/** One search, and the bytes that it may still fetch. */
interface Search {
  readonly repository: RepositoryReader;
  readonly digest: Digest;
  readonly signal: AbortSignal | undefined;
  left: number;
}

/** What a manifest has that may be a signature; `undefined`: it is listed, and cannot be had. Throws `Broken`. */
async function placesBehind({ repository, digest, signal }: Search, name: string): Promise<readonly Place[] | undefined> {
  const document = await fetchDocument(repository, name, `${repository.name}:${name}`, signal);
  if (document.ok) return document.value.kind === "manifest" ? placesOf(document.value, name) : [];
  if (!isLost(document.error)) throw unread(repository, digest, document.error);
  // Nobody lists cosign's tags: most images lack them.
  return name.includes(".") ? [] : undefined;
}

/** The newest first. */
function placesOf({ layers: all }: Manifest, name: string): Place[] {
  const layers = all.map((layer, index) => ({
    layer,
    name: name.includes(":") ? name : `${name}, layer ${index + 1}`,
  }));
  return layers.filter(({ layer: { mediaType } }) => readerOf(mediaType) !== undefined).toReversed();
}

type Reader = (bytes: Uint8Array, annotations: Readonly<Record<string, string>>, place: string) => FoundSignature | undefined;

function readerOf(mediaType: string): Reader | undefined {
  if (BUNDLE_TYPES.test(mediaType)) return (bytes, _, place) => readBundle(bytes, place);
  if (mediaType === ENVELOPE_LAYER) return readEnvelope;
  return mediaType === SIMPLE_SIGNING_LAYER ? readSimpleSigning : undefined;
}

/** `undefined`: nothing can be read there. Throws `Broken`. */
async function readPlace(search: Search, { layer, name }: Place): Promise<FoundSignature | undefined> {
  const { repository, digest, signal } = search;
  const limit = Math.min(search.left, MAX_SIGNATURE_BYTES);
  if (layer.size > limit) return undefined;
  const bytes = await repository.blob(layer, limit, signal);
  if (bytes.ok) {
    search.left -= bytes.value.byteLength;
    return readerOf(layer.mediaType)?.(bytes.value, layer.annotations, name);
  }
  if (isLost(bytes.error)) return undefined;
  throw unread(repository, digest, bytes.error);
}

/** True for a failure of what is asked for alone: it is not there, or it is broken. */
function isLost({ reason }: Failure): boolean {
  return ["ImageNotFound", "BlobNotFound", "InvalidManifest", "DigestMismatch", "ModuleTooLarge"].includes(reason);
}

function unread(repository: RepositoryReader, digest: Digest, error: Failure): Broken {
  const message = `the signatures of ${repository.name}@${digest} cannot be read: ${error.message}`;
  return new Broken({ ...error, message, retryable: true });
}
