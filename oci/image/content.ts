import { CONFIG_SCHEMA_TYPE } from "../../model/config-schema.ts";
import { type BlobDigest, digestOf } from "../../model/digest.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { printBytes } from "../repository/bytes.ts";
import { type BlobDescriptor, type Index, type Manifest, manifestTypes, parseManifest, type RawManifest } from "../repository/manifest.ts";
import type { Repository, RepositoryReader } from "../repository/repository.ts";
import { defaultLimits, type FetchedModule } from "./image.ts";
import { TITLE_ANNOTATION, uniqueByDigest, WASM_CONFIG_TYPE, WASM_LAYER_TYPE } from "./select.ts";

/** A whole image on its way from one place to another: every bit stays as it is, so the digest does too. */
export interface ImageContent {
  readonly manifest: RawManifest;
  /** What the manifest names, each once: config and layers. */
  readonly blobs: readonly BlobDescriptor[];
  /** The bytes of one of `blobs`, verified. */
  read(blob: BlobDescriptor, signal?: AbortSignal): Promise<Result<Uint8Array<ArrayBuffer>>>;
}

/** What a module's artifact says besides the module. */
export interface ArtifactOptions {
  /** Annotations of the manifest, e.g. `org.opencontainers.image.source`. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** RFC 3339. Left out by default, so that the same module always has the same digest. */
  readonly created?: string;
  /** What people read about it, as Markdown. */
  readonly readme?: Uint8Array | undefined;
  /** The JSON Schema of the module's configurations, as its author wrote it. */
  readonly configSchema?: Uint8Array | undefined;
}

/** What registries with pages show, and `oras pull` writes as the file of its title. */
const README_TYPE = "text/markdown";

/** All blobs of one image together, in bytes. */
const MAX_IMAGE_BYTES = 256 << 20;

/** A module as a CNCF Wasm artifact. Pure: same input, same bytes. https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/ */
export function createArtifact(module: Uint8Array, { annotations, created, readme, configSchema }: ArtifactOptions = {}): ImageContent {
  const layer = new Uint8Array(module);
  const layerDescriptor = describe(WASM_LAYER_TYPE, layer);
  const beside = [
    ...layerOf(README_TYPE, readme, { [TITLE_ANNOTATION]: "README.md" }),
    ...layerOf(CONFIG_SCHEMA_TYPE, configSchema, { [TITLE_ANNOTATION]: "config.schema.json" }),
  ];
  const config = encode({
    ...(created !== undefined && { created }),
    architecture: "wasm",
    os: "wasip1", // the spec's word for a core module
    layerDigests: [layerDescriptor.digest],
  });
  const configDescriptor = describe(WASM_CONFIG_TYPE, config);
  const manifest = encode({
    schemaVersion: 2,
    mediaType: manifestTypes.ociManifest,
    config: configDescriptor,
    layers: [layerDescriptor, ...beside.map(({ descriptor }) => descriptor)],
    ...(annotations !== undefined && Object.keys(annotations).length > 0 && { annotations }),
  });
  const bytes = new Map<BlobDigest, Uint8Array<ArrayBuffer>>([
    [layerDescriptor.digest, layer],
    [configDescriptor.digest, config],
    ...beside.map(({ descriptor, content }) => [descriptor.digest, content] as const),
  ]);
  return {
    manifest: { bytes: manifest, digest: digestOf(manifest), mediaType: manifestTypes.ociManifest },
    blobs: [layerDescriptor, ...beside.map(({ descriptor }) => descriptor), configDescriptor].map((each) => ({ ...each, annotations: {} })),
    async read({ digest }) {
      const found = bytes.get(digest);
      return found === undefined ? fail("BlobNotFound", `the artifact has no ${digest}`) : ok(found);
    },
  };
}

/**
 * The image with this manifest, to be read from its repository blob by blob. With `known`, its module, a layer that is the module is not fetched again. Fails as
 * `Repository.manifest` does, with `InvalidManifest` for an index, and with `LayerTooLarge` when its blobs have more than 256 MiB together.
 */
export async function readContent(
  repository: RepositoryReader,
  manifest: Pick<Manifest, "digest">,
  signal?: AbortSignal,
  known?: FetchedModule,
): Promise<Result<ImageContent>> {
  const where = `${repository.name}@${manifest.digest}`;
  const raw = await repository.manifest(manifest.digest, signal);
  if (!raw.ok) return raw;
  const parsed = parseManifest(raw.value, where);
  if (!parsed.ok) return parsed;
  if (parsed.value.kind === "index")
    return fail("InvalidManifest", `${where} is an index of images, not an image; name one of them by digest`);
  if (parsed.value.foreign > 0) return foreignContent(where, parsed.value);
  const blobs = blobsOf(parsed.value);
  const total = blobs.reduce((sum, { size }) => sum + size, 0);
  if (total > MAX_IMAGE_BYTES) {
    const what = `the blobs of ${where} have ${printBytes(total)} together; the limit is ${printBytes(MAX_IMAGE_BYTES)}`;
    return fail("LayerTooLarge", `${what}; build an image of the module alone`);
  }
  return ok({
    manifest: { ...raw.value, mediaType: parsed.value.mediaType },
    blobs,
    async read(blob, own = signal) {
      const isKnown = blob.digest === known?.module.wasmDigest && blob.size === known.module.size;
      return isKnown ? ok(known.bytes) : repository.blob(blob, defaultLimits.archiveBytes, own);
    },
  });
}

/** Writes the image and points the tags at it; without a tag only its digest leads to it. Its blobs are there before a name leads to them. */
export async function writeContent(
  repository: Repository,
  { manifest, blobs, read }: ImageContent,
  tags: readonly string[],
  signal?: AbortSignal,
): Promise<Result<void>> {
  for (const blob of blobs) {
    const bytes = await read(blob, signal);
    if (!bytes.ok) return bytes;
    const stored = await repository.putBlob(bytes.value, blob.digest, signal);
    if (!stored.ok) return stored;
  }
  return writeManifest(repository, manifest, tags, signal);
}

/** Stores a manifest or an index as it is, under each of the tags; without one only its digest leads to it. */
export async function writeManifest(
  repository: Repository,
  { bytes, mediaType }: RawManifest,
  tags: readonly string[],
  signal?: AbortSignal,
): Promise<Result<void>> {
  for (const tag of tags.length === 0 ? [undefined] : tags) {
    const stored = await repository.putManifest(new Uint8Array(bytes), mediaType, tag, signal);
    if (!stored.ok) return stored;
  }
  return ok(undefined);
}

/** Failure for an image that cannot be copied as it is: Weir computes no other hash. */
export function foreignContent(where: string, { kind, foreign }: Pick<Manifest | Index, "kind" | "foreign">) {
  const what =
    kind === "index" ? `${foreign} manifests by another hash than sha256` : `${foreign} blobs by another hash than sha256 or sha512`;
  return fail("InvalidManifest", `${where} names ${what}; copy it with the tool that made it`);
}

/** What a manifest names, each once. */
export function blobsOf({ config, layers }: Manifest): readonly BlobDescriptor[] {
  return uniqueByDigest([...layers, ...(config === undefined ? [] : [config])]);
}

function encode(document: object): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(document));
}

/** A layer beside the module; none where there is no content. */
function layerOf(mediaType: string, bytes: Uint8Array | undefined, annotations: Readonly<Record<string, string>>) {
  if (bytes === undefined) return [];
  const content = new Uint8Array(bytes);
  return [{ content, descriptor: { ...describe(mediaType, content), annotations } }];
}

function describe(mediaType: string, bytes: Uint8Array) {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
}
