import { type Digest, digestAside } from "../../model/digest.ts";
import type { Module } from "../../model/module.ts";
import { ok, type Result } from "../../model/result.ts";
import type { Index, Manifest } from "../repository/manifest.ts";
import { imageName } from "../repository/reference.ts";
import type { RepositoryReader } from "../repository/repository.ts";
import { fetchConfigSchema } from "./config-schema.ts";
import { extractModule } from "./extract.ts";
import { fetchDocument, readEntries } from "./index-entries.ts";
import { ambiguous, type IndexEntry, type ModuleLayer, selectEntries, selectLayer } from "./select.ts";

/** Limits for untrusted input, in bytes. */
export interface Limits {
  /** A module as Envoy gets it. */
  readonly moduleBytes: number;
  /** A layer that is an archive, both as fetched and inflated. */
  readonly archiveBytes: number;
}

export const defaultLimits: Limits = { moduleBytes: 64 << 20, archiveBytes: 128 << 20 };

/** A manifest that carries a module. */
export interface Image {
  readonly manifest: Manifest;
  readonly moduleLayer: ModuleLayer;
  /** The index that led to the manifest. */
  readonly index: Index | undefined;
  /** Every entry of the index was read: the choice depends on the index's digest alone, and not on who served it. */
  readonly isWholeIndex: boolean;
}

/** Runs work that holds a layer in memory, when its turn comes. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * Fetches the manifest of a tag or digest. An index leads on to the one manifest in it that carries a module; where several could, their modules are compared, each
 * in its turn.
 */
export async function findImage(
  repository: RepositoryReader,
  wanted: string,
  signal?: AbortSignal,
  inTurn: InTurn = (work) => work(),
): Promise<Result<Image>> {
  const where = imageName(repository.name, wanted);
  const document = await fetchDocument(repository, wanted, where, signal);
  if (!document.ok) return document;
  if (document.value.kind === "manifest") return imageOf(document.value, where);
  const index = document.value;
  const read = await readEntries(repository, index, where, signal);
  if (!read.ok) return read;
  const chosen = await chooseEntry(repository, read.value.entries, where, inTurn, signal);
  if (!chosen.ok) return chosen;
  const image = imageOf(chosen.value, where);
  return image.ok ? ok({ ...image.value, index, isWholeIndex: read.value.isWhole }) : image;
}

function imageOf(manifest: Manifest, where: string): Result<Image> {
  const moduleLayer = selectLayer(manifest, where);
  return moduleLayer.ok ? ok({ manifest, moduleLayer: moduleLayer.value, index: undefined, isWholeIndex: false }) : moduleLayer;
}

/** Images of an index whose modules are compared, at most. */
const MAX_COMPARED = 8;

/** The manifest that carries the module: all that could must carry the same. */
async function chooseEntry(
  repository: RepositoryReader,
  entries: readonly IndexEntry[],
  where: string,
  inTurn: InTurn,
  signal?: AbortSignal,
): Promise<Result<Manifest>> {
  const selected = selectEntries(entries, where);
  if (!selected.ok) return selected;
  const [only, ...others] = selected.value;
  if (only !== undefined && others.length === 0) return ok(only.manifest);
  if (selected.value.length > MAX_COMPARED) return ambiguous(selected.value, where);
  const carrying: Module[] = [];
  for (const { manifest } of selected.value) {
    const image = imageOf(manifest, where);
    if (!image.ok) return image;
    const fetched = await inTurn(() => fetchModule(repository, image.value, defaultLimits, signal));
    if (fetched.ok) carrying.push(fetched.value.module);
    // The image of a program, beside that of the module.
    else if (fetched.error.reason !== "NoWasmFile") return fetched;
  }
  const [first] = carrying;
  const chosen = selected.value.find(({ manifest }) => manifest.digest === first?.digest);
  if (chosen === undefined || carrying.some(({ wasmDigest }) => wasmDigest !== first?.wasmDigest)) return ambiguous(selected.value, where);
  return ok(chosen.manifest);
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
  const configSchema = await fetchConfigSchema(repository, manifest, signal);
  if (!configSchema.ok) return configSchema;
  const wasmDigest: Digest = form === "wasm" ? layer.digest : await digestAside(bytes.value);
  const carried = configSchema.value === undefined ? {} : { configSchema: configSchema.value };
  return ok({
    module: { digest: manifest.digest, wasmDigest, size: bytes.value.byteLength, mediaType: layer.mediaType, ...carried },
    bytes: bytes.value,
  });
}
