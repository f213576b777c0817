import type { Digest } from "../../model/digest.ts";
import { type Failure, ok, type Result } from "../../model/result.ts";
import { fetchDocument } from "../image/index-entries.ts";
import type { BlobDescriptor, Manifest } from "../repository/manifest.ts";
import { listReferrers, referrersTag } from "../repository/referrers.ts";
import type { RepositoryReader } from "../repository/repository.ts";
import { readBundle, readEnvelope, readSimpleSigning } from "./bundle.ts";
import type { FoundSignature } from "./found.ts";

/** Signatures of one image that are looked at, the newest first. Whoever may push can add any number. */
const MAX_SIGNATURES = 64;
/** Bytes of one of them: an SBOM is in its attestation. */
const MAX_SIGNATURE_BYTES = 16 << 20;
/** Bytes of all of them. */
const MAX_TOTAL_BYTES = 64 << 20;

export const BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const BUNDLE_TYPES = /^application\/vnd\.dev\.sigstore\.bundle(?:\.v\d\.\d)?\+json/;
const SIMPLE_SIGNING_LAYER = "application/vnd.dev.cosign.simplesigning.v1+json";
const ENVELOPE_LAYER = "application/vnd.dsse.envelope.v1+json";
/** What cosign calls the manifests that refer to an image and hold signatures of it. */
const SIGNING_TYPES = /^application\/vnd\.dev\.(?:sigstore\.bundle|cosign\.artifact\.(?:sig|att))/;

/** All that is stored beside an image and may be a signature. */
export interface FoundSignatures {
  readonly signatures: readonly FoundSignature[];
  /** Of how many nothing could be read. */
  readonly unreadable: number;
  /** How many more there are than were looked at. */
  readonly beyond: number;
}

/** A layer that may be a signature, and where it is. */
interface Place {
  readonly layer: BlobDescriptor;
  readonly name: string;
}

/**
 * Finds what is stored beside an image: in the manifests that refer to it, and under cosign's tags `sha256-….sig` and `sha256-….att`. Fails where the
 * repository cannot be read, and only then; `retryable`, as what a registry refuses may be granted.
 */
export async function findSignatures(repository: RepositoryReader, digest: Digest, signal?: AbortSignal): Promise<Result<FoundSignatures>> {
  const listed = await listReferrers(repository, digest, signal);
  if (!listed.ok) return unread(repository, digest, listed.error);
  const referring = listed.value.filter(({ artifactType }) => artifactType === undefined || SIGNING_TYPES.test(artifactType));
  const names = [...referring.map((each) => each.digest as string), `${referrersTag(digest)}.att`, `${referrersTag(digest)}.sig`];
  const places: Place[] = [];
  let unreadable = 0;
  // What was added last comes last.
  for (const name of names.toReversed().slice(0, MAX_SIGNATURES)) {
    const document = await fetchDocument(repository, name, `${repository.name}:${name}`, signal);
    if (!document.ok) {
      if (isLost(document.error)) unreadable += name.includes(".") ? 0 : 1;
      else return unread(repository, digest, document.error);
    } else if (document.value.kind === "manifest") places.push(...placesOf(document.value, name));
  }
  const read = await readPlaces(repository, places.slice(0, MAX_SIGNATURES), signal);
  if (!read.ok) return unread(repository, digest, read.error);
  const beyond = Math.max(0, names.length - MAX_SIGNATURES, places.length - MAX_SIGNATURES);
  return ok({ signatures: read.value.signatures, unreadable: unreadable + read.value.unreadable, beyond });
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

async function readPlaces(
  repository: RepositoryReader,
  places: readonly Place[],
  signal?: AbortSignal,
): Promise<Result<{ readonly signatures: readonly FoundSignature[]; readonly unreadable: number }>> {
  const signatures: FoundSignature[] = [];
  let unreadable = 0;
  let left = MAX_TOTAL_BYTES;
  for (const { layer, name } of places) {
    const limit = Math.min(left, MAX_SIGNATURE_BYTES);
    const bytes = layer.size > limit ? undefined : await repository.blob(layer, limit, signal);
    if (bytes?.ok === false && !isLost(bytes.error)) return bytes;
    if (bytes?.ok === true) left -= bytes.value.byteLength;
    const signature = bytes?.ok === true ? readerOf(layer.mediaType)?.(bytes.value, layer.annotations, name) : undefined;
    if (signature === undefined) unreadable++;
    else signatures.push(signature);
  }
  return ok({ signatures, unreadable });
}

/** True for a failure of what is asked for alone: it is not there, or it is broken. */
function isLost({ reason }: Failure): boolean {
  return ["ImageNotFound", "BlobNotFound", "InvalidManifest", "DigestMismatch", "ModuleTooLarge"].includes(reason);
}

function unread(repository: RepositoryReader, digest: Digest, error: Failure): { readonly ok: false; readonly error: Failure } {
  const message = `the signatures of ${repository.name}@${digest} cannot be read: ${error.message}`;
  return { ok: false, error: { ...error, message, retryable: true } };
}
