import { type Digest, digestAside } from "../../model/digest.ts";
import type { Module } from "../../model/module.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { type Index, type Manifest, parseManifest } from "../repository/manifest.ts";
import type { RepositoryReader } from "../repository/repository.ts";
import { extractModule } from "./extract.ts";
import { candidates, type IndexEntry, type ModuleLayer, selectEntry, selectLayer } from "./select.ts";

/** Limits for untrusted input, in bytes. */
export interface Limits {
  /** A module as Envoy gets it. */
  readonly moduleBytes: number;
  /** A layer that is an archive, both as fetched and inflated. */
  readonly archiveBytes: number;
}

export const defaultLimits: Limits = { moduleBytes: 64 << 20, archiveBytes: 128 << 20 };

const MAX_INDEX_ENTRIES = 64;

/** A manifest that carries a module. */
export interface Image {
  readonly manifest: Manifest;
  readonly moduleLayer: ModuleLayer;
  /** The index that led to the manifest. */
  readonly index: Index | undefined;
  /** Every entry of the index was read: the choice depends on the index's digest alone, and not on who served it. */
  readonly isWholeIndex: boolean;
}

/** Fetches the manifest of a tag or digest. An index leads on to the one manifest in it that carries a module. */
export async function findImage(repository: RepositoryReader, wanted: string, signal?: AbortSignal): Promise<Result<Image>> {
  const where = `${repository.name}${wanted.startsWith("sha256:") ? "@" : ":"}${wanted}`;
  const document = await fetchDocument(repository, wanted, where, signal);
  if (!document.ok) return document;
  if (document.value.kind === "index") return followIndex(repository, document.value, where, signal);
  const layer = selectLayer(document.value, where);
  return layer.ok ? ok({ manifest: document.value, moduleLayer: layer.value, index: undefined, isWholeIndex: false }) : layer;
}

async function fetchDocument(
  repository: RepositoryReader,
  wanted: string,
  where: string,
  signal?: AbortSignal,
): Promise<Result<Manifest | Index>> {
  const raw = await repository.manifest(wanted, signal);
  return raw.ok ? parseManifest(raw.value, where) : raw;
}

async function followIndex(repository: RepositoryReader, index: Index, where: string, signal?: AbortSignal): Promise<Result<Image>> {
  const descriptors = candidates(index);
  if (descriptors.length > MAX_INDEX_ENTRIES) {
    return fail("AmbiguousIndex", `${where} is an index of ${descriptors.length} images; name the one that carries the module by digest`);
  }
  const entries: IndexEntry[] = [];
  for (const descriptor of descriptors) {
    const entry = await fetchDocument(repository, descriptor.digest, `${repository.name}@${descriptor.digest}`, signal);
    if (entry.ok && entry.value.kind === "manifest") entries.push({ descriptor, manifest: entry.value });
    // An index may list images that were not copied with it, and manifests that are no images.
    else if (!entry.ok && entry.error.reason !== "ImageNotFound" && entry.error.reason !== "InvalidManifest") return entry;
  }
  const chosen = selectEntry(entries, where);
  if (!chosen.ok) return chosen;
  const { manifest } = chosen.value;
  const layer = selectLayer(manifest, where);
  return layer.ok ? ok({ manifest, moduleLayer: layer.value, index, isWholeIndex: entries.length === descriptors.length }) : layer;
}

export interface FetchedModule {
  readonly module: Module;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Fetches the layer of an image, verified by its digest, and takes the module out of it. */
export async function fetchModule(
  repository: RepositoryReader,
  { manifest, moduleLayer: { form, layer } }: Image,
  limits: Limits,
  signal?: AbortSignal,
): Promise<Result<FetchedModule>> {
  const blob = await repository.blob(layer, form === "wasm" ? limits.moduleBytes : limits.archiveBytes, signal);
  if (!blob.ok) return blob;
  const where = `layer ${layer.digest} of ${repository.name}`;
  const caps = { moduleBytes: limits.moduleBytes, inflatedBytes: limits.archiveBytes };
  const bytes = form === "wasm" ? blob : await extractModule(blob.value, caps, where, signal);
  if (!bytes.ok) return bytes;
  const wasmDigest: Digest = form === "wasm" ? layer.digest : await digestAside(bytes.value);
  return ok({
    module: { digest: manifest.digest, wasmDigest, size: bytes.value.byteLength, mediaType: layer.mediaType },
    bytes: bytes.value,
  });
}
