import { fail, ok, type Result } from "../../model/result.ts";
import type { BlobDescriptor, Descriptor, Index, Manifest } from "../repository/manifest.ts";

/** Which layer of an image carries the module, and whether it is the module itself or an archive that holds it. */
export interface ModuleLayer {
  readonly form: "wasm" | "archive";
  readonly layer: BlobDescriptor;
}

/** What `weir push` writes: https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/ */
export const WASM_LAYER_TYPE = "application/wasm";
export const WASM_CONFIG_TYPE = "application/vnd.wasm.config.v0+json";

/** Layers that are the module's bytes. */
const wasmTypes: ReadonlySet<string> = new Set([
  WASM_LAYER_TYPE,
  "application/vnd.module.wasm.content.layer.v1+wasm", // https://github.com/solo-io/wasm/blob/master/spec/spec.md
  "application/vnd.wasm.content.layer.v1+wasm", // https://github.com/engineerd/wasm-to-oci
]);

/** Layers that are file systems, with the module as a file in them. https://github.com/solo-io/wasm/blob/master/spec/spec-compat.md */
const archiveTypes: ReadonlySet<string> = new Set([
  "application/vnd.docker.image.rootfs.diff.tar.gzip",
  "application/vnd.docker.image.rootfs.diff.tar",
  "application/vnd.docker.image.rootfs.diff.tar.zstd", // BuildKit with compression=zstd and oci-mediatypes=false
  "application/vnd.oci.image.layer.v1.tar",
  "application/vnd.oci.image.layer.v1.tar+gzip",
  "application/vnd.oci.image.layer.v1.tar+zstd",
]);

/** The name of the file that a layer is. `oras push` gives every file the media type of an archive unless it is told another. */
export const TITLE_ANNOTATION = "org.opencontainers.image.title";

/**
 * Chooses the layer by its media type: the one layer that is a module, else the one archive that says it is a file `*.wasm`, else the last archive. Other layers do
 * not matter. Fails with `NoWasmLayer` or `SeveralWasmLayers`.
 */
export function selectLayer(manifest: Manifest, where: string): Result<ModuleLayer> {
  const wasm = uniqueByDigest(manifest.layers.filter((layer) => wasmTypes.has(layer.mediaType)));
  if (wasm.length > 1) {
    return fail("SeveralWasmLayers", `${where} has ${wasm.length} WebAssembly layers; an image must carry exactly one module`);
  }
  if (wasm[0] !== undefined) return ok({ form: "wasm", layer: wasm[0] });
  const archives = manifest.layers.filter((layer) => archiveTypes.has(layer.mediaType));
  const titled = uniqueByDigest(archives.filter(({ annotations }) => annotations[TITLE_ANNOTATION]?.endsWith(".wasm")));
  const archive = titled.length === 1 ? titled[0] : archives.at(-1);
  if (archive !== undefined) return ok({ form: "archive", layer: archive });
  const foreign = manifest.foreign === 0 ? "" : `, and ${manifest.foreign} by another hash than sha256 or sha512, which Weir does not take`;
  const seen = [...new Set(manifest.layers.map((layer) => layer.mediaType))].slice(0, 5).join(", ") || "none";
  return fail(
    "NoWasmLayer",
    `${where} carries no WebAssembly module (layers: ${seen}${foreign}); push one with \`weir push\`, or an image whose last layer holds plugin.wasm`,
  );
}

/** An entry of an index with its manifest, which the caller fetched. */
export interface IndexEntry {
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
}

/** Entries of an index that may carry a module. Attestations, which buildx puts beside an image, do not. */
export function candidates(index: Index): readonly Descriptor[] {
  return index.manifests.filter((entry) => entry.annotations["vnd.docker.reference.type"] === undefined);
}

/**
 * The entries of an index that may carry the module, all with different layers, in the order of the index. A layer that is a module counts first, then a platform
 * that says Wasm, then any file system image. Entries that carry the same layer (one image under several platforms) count as the first of them.
 * Fails with `NoWasmLayer`.
 */
export function selectEntries(
  { entries, foreign }: { readonly entries: readonly IndexEntry[]; readonly foreign: number },
  where: string,
): Result<readonly IndexEntry[]> {
  const carrying = entries.flatMap((entry) => {
    const chosen = selectLayer(entry.manifest, where);
    return chosen.ok ? [{ entry, ...chosen.value }] : [];
  });
  const signs: ((candidate: (typeof carrying)[number]) => boolean)[] = [
    ({ form }) => form === "wasm",
    ({ entry }) => saysWasm(entry.descriptor),
    () => true,
  ];
  for (const sign of signs) {
    const found = carrying.filter(sign);
    const byLayer = new Map<string, IndexEntry>();
    for (const { entry, layer } of found) if (!byLayer.has(layer.digest)) byLayer.set(layer.digest, entry);
    if (byLayer.size > 0) return ok([...byLayer.values()]);
  }
  const others =
    foreign === 0 ? "" : `; ${foreign} more are named by another hash than sha256, by which Weir asks for none: have them named by sha256`;
  return fail("NoWasmLayer", `${where} is an index of ${entries.length} images, none of which carries a WebAssembly module${others}`);
}

/** Failure for an index whose images carry different modules. */
export function ambiguous(entries: readonly IndexEntry[], where: string) {
  const digests = entries.map(({ manifest }) => manifest.digest);
  const what = `${where} is an index of ${entries.length} images that carry different modules (${digests.slice(0, 4).join(", ")})`;
  return fail("AmbiguousIndex", `${what}; name one of them by digest`);
}

function saysWasm({ platform }: Descriptor): boolean {
  return platform !== undefined && (/^wasm/.test(platform.architecture) || /^wasi/.test(platform.os));
}

/** Each blob once. */
export function uniqueByDigest(blobs: readonly BlobDescriptor[]): readonly BlobDescriptor[] {
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
}
