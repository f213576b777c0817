import { type Digest, digestOf } from "../model/digest.ts";
import type { Keychain } from "../model/module.ts";
import { fail, ok, type Result } from "../model/result.ts";
import { WASM_CONFIG_TYPE, WASM_LAYER_TYPE } from "./image/select.ts";
import { type OciOptions, openRepository } from "./open.ts";
import { manifestTypes } from "./repository/manifest.ts";
import { formatReference, parseReference } from "./repository/reference.ts";

export interface PushOptions extends OciOptions {
  readonly keychain: Keychain;
  /** Annotations of the manifest, e.g. `org.opencontainers.image.source`. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** RFC 3339. Left out by default, so that the same module always has the same digest. */
  readonly created?: string;
  readonly signal?: AbortSignal;
}

export interface Pushed {
  /** The reference in full, with the new digest. */
  readonly reference: string;
  /** Of the image manifest: what `spec.digest` takes. */
  readonly digest: Digest;
  /** Of the module's bytes. */
  readonly wasmDigest: Digest;
  /** Bytes of the module. */
  readonly size: number;
}

/**
 * Writes a module as a CNCF Wasm artifact to a registry or an image layout folder and points the reference's tag at it.
 * Fails with `InvalidReference`, or as `Repository` does. https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/
 */
export async function pushModule(text: string, module: Uint8Array, options: PushOptions): Promise<Result<Pushed>> {
  const reference = parseReference(text);
  if (!reference.ok) return reference;
  const { tag, digest: named } = reference.value;
  if (tag === undefined || named !== undefined)
    return fail("InvalidReference", `${JSON.stringify(text)}: push to a tag; the digest follows from the content`);
  const repository = openRepository(reference.value, options.keychain, options);
  if (!repository.ok) return repository;
  const artifact = createArtifact(module, options);
  for (const { bytes, digest } of [artifact.layer, artifact.config]) {
    const stored = await repository.value.putBlob(bytes, digest, options.signal);
    if (!stored.ok) return stored;
  }
  const stored = await repository.value.putManifest(artifact.manifest.bytes, manifestTypes.ociManifest, tag, options.signal);
  if (!stored.ok) return stored;
  const { digest } = artifact.manifest;
  return ok({
    reference: formatReference({ ...reference.value, digest }),
    digest,
    wasmDigest: artifact.layer.digest,
    size: module.byteLength,
  });
}

/** The three documents of a Wasm artifact. Pure: same input, same bytes. */
function createArtifact(module: Uint8Array, { annotations, created }: Pick<PushOptions, "annotations" | "created">) {
  const layer = content(WASM_LAYER_TYPE, new Uint8Array(module));
  const config = json(WASM_CONFIG_TYPE, {
    ...(created !== undefined && { created }),
    architecture: "wasm",
    os: "wasip1", // the spec's word for a core module
    layerDigests: [layer.digest],
  });
  const manifest = json(manifestTypes.ociManifest, {
    schemaVersion: 2,
    mediaType: manifestTypes.ociManifest,
    config: descriptor(config),
    layers: [descriptor(layer)],
    ...(annotations !== undefined && Object.keys(annotations).length > 0 && { annotations }),
  });
  return { layer, config, manifest };
}

function content(mediaType: string, bytes: Uint8Array<ArrayBuffer>) {
  return { mediaType, bytes, digest: digestOf(bytes) };
}

function json(mediaType: string, document: object) {
  return content(mediaType, new TextEncoder().encode(JSON.stringify(document)));
}

function descriptor({ mediaType, bytes, digest }: ReturnType<typeof content>) {
  return { mediaType, digest, size: bytes.byteLength };
}
