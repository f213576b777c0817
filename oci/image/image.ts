import { isDigest } from "../../model/digest.ts";
import type { Module } from "../../model/module.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { tooLarge } from "../repository/bytes.ts";
import type { BlobDescriptor, Index, Manifest } from "../repository/manifest.ts";
import { imageName } from "../repository/reference.ts";
import type { RepositoryReader } from "../repository/repository.ts";
import { fetchConfigSchema } from "./config-schema.ts";
import { type Extracted, extractModule } from "./extract.ts";
import { fetchDocument, type IndexEntries, readEntries } from "./index-entries.ts";
import { ambiguous, type ModuleLayer, selectEntries, selectLayer } from "./select.ts";
import { Measured, MemorySink, type ModuleSink, nowhere } from "./sink.ts";

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

/** Runs work that downloads a layer, when its turn comes. */
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
  const chosen = await chooseEntry(repository, read.value, where, inTurn, signal);
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
  read: IndexEntries,
  where: string,
  inTurn: InTurn,
  signal?: AbortSignal,
): Promise<Result<Manifest>> {
  const selected = selectEntries(read, where);
  if (!selected.ok) return selected;
  const [only, ...others] = selected.value;
  if (only !== undefined && others.length === 0) return ok(only.manifest);
  if (selected.value.length > MAX_COMPARED) return ambiguous(selected.value, where);
  const carrying: Module[] = [];
  for (const { manifest } of selected.value) {
    const image = imageOf(manifest, where);
    if (!image.ok) return image;
    const fetched = await inTurn(() => fetchModule(repository, image.value, defaultLimits, nowhere, signal));
    if (fetched.ok) carrying.push(fetched.value);
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

/** As `fetchModule`, with the module in memory. */
export async function fetchWhole(
  repository: RepositoryReader,
  image: Image,
  limits: Limits,
  signal?: AbortSignal,
): Promise<Result<FetchedModule>> {
  const sink = new MemorySink();
  const module = await fetchModule(repository, image, limits, sink, signal);
  return module.ok ? ok({ module: module.value, bytes: sink.bytes }) : module;
}

/** Fetches the layer of an image, verified by its digest, and takes the module out of it: its bytes go to the sink as they come, and count once this is ok. */
export async function fetchModule(
  repository: RepositoryReader,
  { manifest, moduleLayer }: Image,
  limits: Limits,
  sink: ModuleSink,
  signal?: AbortSignal,
): Promise<Result<Module>> {
  const { layer } = moduleLayer;
  const extracted = await fetchLayer(repository, moduleLayer, limits, sink, signal);
  if (!extracted.ok) return extracted;
  const configSchema = await fetchConfigSchema(repository, manifest, signal);
  if (!configSchema.ok) return configSchema;
  const carried = configSchema.value === undefined ? {} : { configSchema: configSchema.value };
  return ok({ digest: manifest.digest, ...extracted.value, mediaType: layer.mediaType, ...carried });
}

async function fetchLayer(
  repository: RepositoryReader,
  { form, layer }: ModuleLayer,
  limits: Limits,
  sink: ModuleSink,
  signal?: AbortSignal,
): Promise<Result<Extracted>> {
  const where = `layer ${layer.digest} of ${repository.name}`;
  const limit = form === "wasm" ? limits.moduleBytes : limits.archiveBytes;
  if (layer.size > limit) return fail("ModuleTooLarge", tooLarge(where, layer.size, limit));
  const options = { moduleBytes: limits.moduleBytes, inflatedBytes: limits.archiveBytes, where, signal };
  const take = (pieces: AsyncIterable<Uint8Array>) =>
    form === "wasm" ? takeModule(pieces, sink, layer) : extractModule(pieces, sink, options);
  const taken = await repository.receive(layer, take, signal);
  return taken.ok ? taken.value : taken;
}

/** A layer that is the module. It is hashed once: what names it by sha256 is the module's own digest. */
async function takeModule(pieces: AsyncIterable<Uint8Array>, sink: ModuleSink, { digest }: BlobDescriptor): Promise<Result<Extracted>> {
  const measured = new Measured(pieces, isDigest(digest) ? digest : undefined);
  await sink.write(measured);
  return ok({ wasmDigest: measured.digest(), size: measured.size });
}
