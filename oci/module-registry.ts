import { createHash } from "node:crypto";
import { join } from "node:path";
import pLimit from "p-limit";
import { createSingleFlight } from "../base/single-flight.ts";
import { systemClock } from "../model/clock.ts";
import type { Digest } from "../model/digest.ts";
import { type Log, silentLog } from "../model/log.ts";
import { outcomeOf, silentMetrics } from "../model/metrics.ts";
import type { Module, ModuleRegistry, PullOptions } from "../model/module.ts";
import { failForNow, ok, type Result } from "../model/result.ts";
import { defaultLimits, type FetchedModule, fetchModule, findImage } from "./image/image.ts";
import { httpOptions, type OciOptions, openReference } from "./open.ts";
import { findCredentials } from "./registry/keychain.ts";
import { parseReference, repositoryName } from "./repository/reference.ts";
import type { Repository } from "./repository/repository.ts";
import { createStore, type Store } from "./store/store.ts";
import { fetchUrl } from "./url-source.ts";

export interface ModuleRegistryOptions extends OciOptions {
  /** The server's data folder. Modules are in its folder `modules`. */
  readonly dataDir: string;
  /** Bytes of modules to keep on disk. What `retain` names is kept beyond that. Default 2 GiB. */
  readonly maxStoreBytes?: number;
  readonly log?: Log;
}

/** Modules fetched and unpacked at the same time. Bounds memory after a restart, when every module is asked for at once. */
const PARALLEL_FETCHES = 4;

/**
 * The port `ModuleRegistry` for registries, image layout folders and plain URLs. A module in the store is for every filter that names
 * its digest, without credentials, as a Kubernetes node does with images and IfNotPresent.
 */
export function createModuleRegistry(options: ModuleRegistryOptions): ModuleRegistry {
  const { log = silentLog, limits = defaultLimits, clock = systemClock, metrics = silentMetrics } = options;
  const store = createStore({ directory: join(options.dataDir, "modules"), maxBytes: options.maxStoreBytes ?? 2 * 2 ** 30, log, clock });
  const pulls = createSingleFlight<Result<Module>>({ isForAll: ({ ok }) => ok });
  const limited = pLimit(PARALLEL_FETCHES);
  metrics.gauge("store_bytes", () => store.bytes());

  /** The module from the store, else from `get`. One task for each digest, however many ask. */
  async function bring(
    digest: Digest,
    identity: string,
    signal: AbortSignal | undefined,
    get: (signal: AbortSignal) => Promise<Result<FetchedModule>>,
  ): Promise<Result<Module>> {
    const outcome = await pulls.run(digest, (own) => fetchMissing(digest, () => get(own)), { identity, signal });
    return outcome ?? failForNow("Canceled", "the request was canceled");
  }

  async function fetchMissing(digest: Digest, get: () => Promise<Result<FetchedModule>>): Promise<Result<Module>> {
    const stored = await findStored(store, digest);
    if (stored !== undefined) return ok(stored);
    const stop = metrics.start("pull");
    const fetched = await get();
    stop(outcomeOf(fetched));
    if (!fetched.ok) return fetched;
    const kept = await store.put(fetched.value.module, fetched.value.bytes);
    if (kept.ok) log.info("module pulled", { digest, wasmDigest: kept.value.wasmDigest, bytes: kept.value.size });
    return kept;
  }

  return {
    resolve: (image, pin, asking) => resolveImage({ store, log, options }, image, pin, asking),
    async pull(image, digest, { keychain, signal }) {
      const manifest = (await store.manifestOf(digest)) ?? digest;
      return bring(manifest, identityOf(image, keychain), signal, async (own) => {
        const opened = openReference(image, keychain, options);
        if (!opened.ok) return opened;
        const { repository } = opened.value;
        const found = await findImage(repository, manifest, own);
        return found.ok ? limited(() => fetchModule(repository, found.value, limits, own)) : found;
      });
    },
    pullUrl: (url, sha256, { signal }) =>
      bring(sha256, url, signal, (own) => limited(() => fetchUrl(httpOptions(options), url, sha256, limits.moduleBytes, own))),
    read: (wasmDigest) => store.read(wasmDigest),
    has: (wasmDigest) => store.has(wasmDigest),
    retain: (digests) => store.retain(digests),
  };
}

interface Resolving {
  readonly store: Store;
  readonly log: Log;
  readonly options: OciOptions;
}

/** A reference -> the digest of the manifest that carries the module, with as few requests as possible. */
async function resolveImage(
  { store, log, options }: Resolving,
  image: string,
  pin: Digest | undefined,
  { keychain, signal }: PullOptions,
): Promise<Result<Digest>> {
  const opened = openReference(image, keychain, options);
  if (!opened.ok) return opened;
  const { reference, repository } = opened.value;
  const wanted = await wantedDigest(repository, pin ?? reference.digest, reference.tag, signal);
  if (!wanted.ok) return wanted;
  const known = wanted.value === undefined ? undefined : await knownManifest(store, wanted.value);
  if (known !== undefined) return ok(known);
  const found = await findImage(repository, wanted.value ?? reference.tag ?? "latest", signal);
  if (!found.ok) return found;
  const { index, manifest, isWholeIndex } = found.value;
  if (index !== undefined && isWholeIndex) {
    const noted = await store.putIndex(index.digest, manifest.digest);
    if (!noted.ok) log.warn(noted.error.message, { digest: index.digest }); // only a cache: the answer is known all the same
  }
  return ok(manifest.digest);
}

/** The pinned digest, else the digest that the tag has now, where one HEAD tells. */
async function wantedDigest(repository: Repository, pin: Digest | undefined, tag: string | undefined, signal?: AbortSignal) {
  return pin !== undefined ? ok(pin) : repository.peek(tag ?? "latest", signal);
}

/** The manifest's digest, if the store knows this digest of a manifest or an index. */
async function knownManifest(store: Store, digest: Digest): Promise<Digest | undefined> {
  return (await store.module(digest))?.digest ?? store.manifestOf(digest);
}

/** The module, if its record and its verified file are both there. */
async function findStored(store: Store, digest: Digest): Promise<Module | undefined> {
  const module = await store.module(digest);
  if (module === undefined) return undefined;
  return (await store.has(module.wasmDigest)) ? module : undefined;
}

/** What the outcome of a pull depends on besides the digest, without holding the password. */
function identityOf(image: string, keychain: PullOptions["keychain"]): string {
  const parsed = parseReference(image);
  if (!parsed.ok) return image;
  const reference = parsed.value;
  const credentials = reference.kind === "registry" ? findCredentials(keychain, reference.registry, reference.repository) : undefined;
  const text = JSON.stringify([repositoryName(reference), credentials?.username, credentials?.password]);
  return createHash("sha256").update(text).digest("hex");
}
