import { fail, ok, type Result } from "../../model/result.ts";
import type { Descriptor, Index, Manifest } from "../repository/manifest.ts";

/** Which layer of an image carries the module, and whether it is the module itself or an archive that holds it. */
export interface ModuleLayer {
  readonly form: "wasm" | "archive";
  readonly layer: Descriptor;
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
  "application/vnd.oci.image.layer.v1.tar",
  "application/vnd.oci.image.layer.v1.tar+gzip",
  "application/vnd.oci.image.layer.v1.tar+zstd",
]);

/**
 * Chooses the layer by its media type: the one layer that is a module, else the last one that is an archive. Other layers do not matter.
 * Fails with `NoWasmLayer` or `SeveralWasmLayers`.
 */
export function selectLayer(manifest: Manifest, where: string): Result<ModuleLayer> {
  const wasm = uniqueByDigest(manifest.layers.filter((layer) => wasmTypes.has(layer.mediaType)));
  if (wasm.length > 1) {
    return fail("SeveralWasmLayers", `${where} has ${wasm.length} WebAssembly layers; an image must carry exactly one module`);
  }
  if (wasm[0] !== undefined) return ok({ form: "wasm", layer: wasm[0] });
  const archive = manifest.layers.findLast((layer) => archiveTypes.has(layer.mediaType));
  if (archive !== undefined) return ok({ form: "archive", layer: archive });
  const seen = [...new Set(manifest.layers.map((layer) => layer.mediaType))].slice(0, 5).join(", ") || "none";
  return fail(
    "NoWasmLayer",
    `${where} carries no WebAssembly module (layers: ${seen}); push one with \`weir push\`, or an image whose last layer holds plugin.wasm`,
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
 * The one entry of an index that carries the module. A layer that is a module counts first, then a platform that says Wasm, then any
 * file system image. Entries that carry the same layer (one image under several platforms) count as one.
 * Fails with `NoWasmLayer` or `AmbiguousIndex`.
 */
export function selectEntry(entries: readonly IndexEntry[], where: string): Result<IndexEntry> {
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
    const [first] = found;
    if (first === undefined) continue;
    if (found.every(({ layer }) => layer.digest === first.layer.digest)) return ok(first.entry);
    return fail(
      "AmbiguousIndex",
      `${where} is an index of ${found.length} images that carry different modules (${found
        .map(({ entry }) => entry.manifest.digest)
        .slice(0, 4)
        .join(", ")}); name one of them by digest`,
    );
  }
  return fail("NoWasmLayer", `${where} is an index of ${entries.length} images, none of which carries a WebAssembly module`);
}

function saysWasm({ platform }: Descriptor): boolean {
  return platform !== undefined && (/^wasm/.test(platform.architecture) || /^wasi/.test(platform.os));
}

function uniqueByDigest(layers: readonly Descriptor[]): readonly Descriptor[] {
  return [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
}
