import { isRecord, textsOf } from "../../base/json.ts";
import { type BlobDigest, type Digest, isBlobDigest, isDigest } from "../../model/digest.ts";
import { fail, ok, type Result } from "../../model/result.ts";

/** https://github.com/opencontainers/image-spec/blob/main/media-types.md and Docker's image manifest v2, schema 2. */
export const manifestTypes = {
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociIndex: "application/vnd.oci.image.index.v1+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
} as const;

/** Points at content by digest. https://github.com/opencontainers/image-spec/blob/main/descriptor.md */
export interface Descriptor<D extends BlobDigest = Digest> {
  readonly mediaType: string;
  readonly digest: D;
  /** Bytes. */
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
  /** Of an index's entries. */
  readonly platform?: { readonly architecture: string; readonly os: string };
  readonly artifactType?: string;
}

/** Points at what a manifest names: config or layer. */
export type BlobDescriptor = Descriptor<BlobDigest>;

/** A manifest or index as fetched, not parsed yet. `digest` is computed from `bytes`, not taken from a header. */
export interface RawManifest {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  /** What the registry or descriptor says. The document itself may say otherwise. */
  readonly mediaType: string;
}

export interface Manifest {
  readonly kind: "manifest";
  readonly mediaType: string;
  readonly digest: Digest;
  readonly artifactType: string | undefined;
  /** `undefined`: named by a hash that Weir does not compute. */
  readonly config: BlobDescriptor | undefined;
  /** Those that are named by a hash that Weir computes. */
  readonly layers: readonly BlobDescriptor[];
  /** Config and layers that are named by another hash. They are in nobody's way, and are never fetched. */
  readonly foreign: number;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Index {
  readonly kind: "index";
  readonly mediaType: string;
  readonly digest: Digest;
  /** Those that are named by sha256: by that a manifest is known, whatever its blobs are named by. */
  readonly manifests: readonly Descriptor[];
  /** How many are named by another hash, sha512 too: those are never fetched. A registry is asked for a manifest by its sha256, whatever an index calls it. */
  readonly foreign: number;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Registries accept at least this much. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests */
export const MAX_MANIFEST_BYTES = 4 << 20;
const MAX_DESCRIPTORS = 512;

export interface ParseManifestOptions {
  /** Layers or manifests that are taken. */
  readonly maxEntries?: number;
  /** What to do about one that is not usable, for messages. */
  readonly advice?: string;
}

/** Reads a manifest or an index. `where` names it in messages. Fails with reason `InvalidManifest`. */
export function parseManifest(
  raw: RawManifest,
  where: string,
  { maxEntries = MAX_DESCRIPTORS, advice = "check the reference, or push the image again with a current tool" }: ParseManifestOptions = {},
): Result<Manifest | Index> {
  const invalid = (why: string) => fail("InvalidManifest", `${where} is not a usable image manifest: ${why}; ${advice}`);
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(raw.bytes));
  } catch {
    return invalid("it is not JSON");
  }
  if (!isRecord(document)) return invalid("it is not a JSON object");
  if (document.schemaVersion === 1) return invalid("it is Docker's schema 1, which is no longer supported");
  if (document.schemaVersion !== 2) return invalid("its schemaVersion is not 2");
  // One digest must not mean two things to two readers: https://github.com/opencontainers/distribution-spec/security/advisories/GHSA-mc8v-mgrf-8f4m
  if ("layers" in document && "manifests" in document) return invalid("it has both layers and manifests");
  const mediaType = typeof document.mediaType === "string" ? document.mediaType : raw.mediaType;
  const common = { mediaType, digest: raw.digest, annotations: textsOf(document.annotations) };
  if (Array.isArray(document.manifests)) {
    const manifests = readDescriptors(document.manifests, maxEntries, isDigest);
    if (typeof manifests === "string") return invalid(manifests);
    return ok({ kind: "index", ...common, manifests, foreign: document.manifests.length - manifests.length });
  }
  if (!Array.isArray(document.layers)) return invalid(`it has neither layers nor manifests (media type ${JSON.stringify(mediaType)})`);
  const layers = readDescriptors(document.layers, maxEntries, isBlobDigest);
  if (typeof layers === "string") return invalid(layers);
  const config = readDescriptor(document.config, isBlobDigest);
  if (typeof config === "string") return invalid(`config ${config}`);
  const foreign = document.layers.length - layers.length + (config === undefined ? 1 : 0);
  const artifactType = typeof document.artifactType === "string" ? document.artifactType : undefined;
  return ok({ kind: "manifest", ...common, artifactType, config, layers, foreign });
}

type IsTaken<D extends BlobDigest> = (text: string) => text is D;

/** Those that are named by a hash that is taken, or what is wrong with one. */
function readDescriptors<D extends BlobDigest>(
  values: readonly unknown[],
  maxEntries: number,
  isTaken: IsTaken<D>,
): Descriptor<D>[] | string {
  if (values.length > maxEntries) return `it lists more than ${maxEntries} entries`;
  const descriptors: Descriptor<D>[] = [];
  for (const [i, value] of values.entries()) {
    const descriptor = readDescriptor(value, isTaken);
    if (typeof descriptor === "string") return `entry ${i} ${descriptor}`;
    if (descriptor !== undefined) descriptors.push(descriptor);
  }
  return descriptors;
}

/** Of any hash, as long as one would have it. https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests */
const ANY_DIGEST = /^(?!sha256:)[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]{32,512}$/;

/** The descriptor, `undefined` for one by another hash, or what is wrong with it. */
function readDescriptor<D extends BlobDigest>(value: unknown, isTaken: IsTaken<D>): Descriptor<D> | undefined | string {
  if (!isRecord(value)) return "is not a descriptor";
  const { mediaType, digest, size, platform, artifactType } = value;
  if (typeof mediaType !== "string") return "has no mediaType";
  if (typeof digest === "string" && !isTaken(digest) && ANY_DIGEST.test(digest)) return undefined;
  if (typeof digest !== "string" || !isTaken(digest)) return `has no sha256 or sha512 digest (${JSON.stringify(digest)?.slice(0, 100)})`;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) return "has no size";
  return {
    mediaType,
    digest,
    size,
    annotations: textsOf(value.annotations),
    ...(isRecord(platform) && { platform: { architecture: String(platform.architecture ?? ""), os: String(platform.os ?? "") } }),
    ...(typeof artifactType === "string" && { artifactType }),
  };
}
