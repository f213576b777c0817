import { resolve as resolvePath } from "node:path";
import { type Clock, systemClock } from "../model/clock.ts";
import type { Digest } from "../model/digest.ts";
import type { Keychain, Module } from "../model/module.ts";
import { fail, ok, type Result } from "../model/result.ts";
import { createRemoteRepository } from "./client.ts";
import { extractModule } from "./extract.ts";
import type { Fetch, HttpOptions } from "./http.ts";
import { findCredentials } from "./keychain.ts";
import { createLayoutRepository } from "./layout-dir.ts";
import { candidates, type IndexEntry, type ModuleLayer, selectEntry, selectLayer } from "./layouts.ts";
import { type Index, type Manifest, parseManifest, sha256Aside } from "./manifest.ts";
import { type Reference, repositoryName } from "./reference.ts";
import type { Repository } from "./repository.ts";

/** How far untrusted input may go. Bytes. */
export interface Limits {
  /** A module, as Envoy gets it. */
  readonly moduleBytes: number;
  /** A layer that is an archive, as it is fetched and also once it is inflated. */
  readonly archiveBytes: number;
}

export const defaultLimits: Limits = { moduleBytes: 64 << 20, archiveBytes: 128 << 20 };

/** What every use of this room may set. */
export interface OciOptions {
  readonly limits?: Limits;
  /** `host[:port]`s spoken to over plain HTTP. Loopback hosts always are. */
  readonly plainHttp?: Iterable<string>;
  /**
   * Folder that relative `oci-layout:` references start from. Without it such references are refused: whoever may write a WasmFilter
   * into a cluster must not be able to read the operator's files.
   */
  readonly layoutBase?: string;
  /** Default 30 s without a sign of life, 15 min for one exchange. */
  readonly idleTimeoutMs?: number;
  readonly totalTimeoutMs?: number;
  readonly clock?: Clock;
  readonly fetch?: Fetch;
}

const MAX_INDEX_ENTRIES = 64;

export function httpOptions(options: OciOptions): HttpOptions {
  return {
    fetch: options.fetch ?? fetch,
    clock: options.clock ?? systemClock,
    plainHttp: new Set(options.plainHttp ?? []),
    idleTimeoutMs: options.idleTimeoutMs ?? 30_000,
    totalTimeoutMs: options.totalTimeoutMs ?? 900_000,
  };
}

/** The repository that a reference names. Makes no contact yet. */
export function openRepository(reference: Reference, keychain: Keychain, options: OciOptions): Result<Repository> {
  if (reference.kind === "registry") {
    const credentials = findCredentials(keychain, reference.registry, reference.repository);
    return ok(createRemoteRepository(reference, { http: httpOptions(options), credentials }));
  }
  if (options.layoutBase === undefined) {
    return fail(
      "InvalidReference",
      `${repositoryName(reference)}: oci-layout folders are not available here; push the image to a registry.`,
    );
  }
  return ok(createLayoutRepository(resolvePath(options.layoutBase, reference.directory), repositoryName(reference)));
}

/** A manifest that carries a module. */
export interface Image {
  readonly manifest: Manifest;
  readonly moduleLayer: ModuleLayer;
  /** The index that led to the manifest. */
  readonly index: Index | undefined;
}

/** Fetches what a tag or digest names; an index is followed to its one manifest that carries a module. */
export async function findImage(repository: Repository, wanted: string, signal?: AbortSignal): Promise<Result<Image>> {
  const where = `${repository.name}${wanted.startsWith("sha256:") ? "@" : ":"}${wanted}`;
  const document = await fetchDocument(repository, wanted, where, signal);
  if (!document.ok) return document;
  if (document.value.kind === "index") return followIndex(repository, document.value, where, signal);
  const layer = selectLayer(document.value, where);
  return layer.ok ? ok({ manifest: document.value, moduleLayer: layer.value, index: undefined }) : layer;
}

async function fetchDocument(
  repository: Repository,
  wanted: string,
  where: string,
  signal?: AbortSignal,
): Promise<Result<Manifest | Index>> {
  const raw = await repository.manifest(wanted, signal);
  return raw.ok ? parseManifest(raw.value, where) : raw;
}

async function followIndex(repository: Repository, index: Index, where: string, signal?: AbortSignal): Promise<Result<Image>> {
  const descriptors = candidates(index);
  if (descriptors.length > MAX_INDEX_ENTRIES) {
    return fail("AmbiguousIndex", `${where} is an index of ${descriptors.length} images; name the one that carries the module by digest.`);
  }
  const entries: IndexEntry[] = [];
  for (const descriptor of descriptors) {
    const entry = await fetchDocument(repository, descriptor.digest, `${repository.name}@${descriptor.digest}`, signal);
    if (entry.ok && entry.value.kind === "manifest") entries.push({ descriptor, manifest: entry.value });
    // An index may list images that were never copied along, and kinds of manifest that are nobody's module.
    else if (!entry.ok && entry.error.reason !== "ImageNotFound" && entry.error.reason !== "InvalidManifest") return entry;
  }
  const chosen = selectEntry(entries, where);
  if (!chosen.ok) return chosen;
  const { manifest } = chosen.value;
  const layer = selectLayer(manifest, where);
  return layer.ok ? ok({ manifest, moduleLayer: layer.value, index }) : layer;
}

export interface FetchedModule {
  readonly module: Module;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Fetches the module of an image: the layer, proven against the manifest, and what is in it. */
export async function fetchModule(
  repository: Repository,
  { manifest, moduleLayer: { form, layer } }: Image,
  limits: Limits,
  signal?: AbortSignal,
): Promise<Result<FetchedModule>> {
  const blob = await repository.blob(layer, form === "wasm" ? limits.moduleBytes : limits.archiveBytes, signal);
  if (!blob.ok) return blob;
  const where = `Layer ${layer.digest} of ${repository.name}`;
  const caps = { moduleBytes: limits.moduleBytes, inflatedBytes: limits.archiveBytes };
  const bytes = form === "wasm" ? blob : await extractModule(blob.value, caps, where, signal);
  if (!bytes.ok) return bytes;
  const wasmDigest: Digest = form === "wasm" ? layer.digest : await sha256Aside(bytes.value);
  return ok({
    module: { digest: manifest.digest, wasmDigest, size: bytes.value.byteLength, mediaType: layer.mediaType },
    bytes: bytes.value,
  });
}
