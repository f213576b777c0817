import { join } from "node:path";
import { Notifier } from "../base/notifier.ts";
import { createSingleFlight } from "../base/single-flight.ts";
import { systemClock } from "../model/clock.ts";
import type { CarriedSchema } from "../model/config-schema.ts";
import type { Digest } from "../model/digest.ts";
import { type Log, silentLog } from "../model/log.ts";
import { type Metrics, outcomeOf, silentMetrics } from "../model/metrics.ts";
import type { Asking, Module, ModuleRegistry, PullOptions, StoreSource } from "../model/module.ts";
import { type Failure, fail, failForNow, ok, type Result } from "../model/result.ts";
import type { Claim } from "./access/access.ts";
import { createGate, type Gate } from "./access/gate.ts";
import { fetchConfigSchema } from "./image/config-schema.ts";
import { defaultLimits, fetchModule, findImage, type Limits } from "./image/image.ts";
import type { ModuleSink } from "./image/sink.ts";
import { httpOptions, type OciOptions, openFor } from "./open.ts";
import { createTagStates } from "./registry/tag-states.ts";
import { printBytes } from "./repository/bytes.ts";
import { canonicalRepository } from "./repository/reference.ts";
import { resolveImage } from "./resolve-image.ts";
import { createStore, type Delivered, type Space, type Store, type StoreOptions } from "./store/store.ts";
import { createTurns, type Turns } from "./turns.ts";
import { fetchUrl } from "./url-source.ts";

export interface ModuleRegistryOptions extends OciOptions {
  /** The server's data folder. Modules are in its folder `modules`. */
  readonly dataDir: string;
  /** Bytes of modules to keep on disk. What `retain` names is kept beyond that. Default 2 GiB. */
  readonly maxStoreBytes?: number;
  /** How stored modules are read again in the background. Default: not at all. */
  readonly scrub?: StoreOptions["scrub"];
  /** Bytes of modules that revisions of one namespace may keep before it gets no new ones. Default 8 GiB: 2,500 modules of 3.3 MB. */
  readonly maxNamespaceBytes?: number;
  /** Where modules that revisions keep may be had before the registry is asked: other replicas. Default: nowhere. */
  readonly peers?: StoreSource | undefined;
  readonly log?: Log;
}

/** Modules fetched and unpacked at the same time. Bounds connections, open files and memory after a restart, when every module is asked for at once. */
const PARALLEL_FETCHES = 4;

/**
 * The port `ModuleRegistry` for registries, image layout folders and plain URLs. What is in the store is for a namespace that showed that it may read it
 * where it came from (docs/decisions/0019-the-store-asks.md).
 */
export function createModuleRegistry(options: ModuleRegistryOptions): ModuleRegistry {
  return new StoringRegistry(options);
}

/** Gets what is not in the store. */
type Get = (sink: ModuleSink, signal: AbortSignal) => Promise<Result<Module>>;

/** One download. */
interface Fetch {
  readonly space: Space;
  readonly claim: Claim;
  readonly identity: string;
  readonly asking: Asking;
  readonly get: Get;
}

class StoringRegistry implements ModuleRegistry {
  private readonly options: ModuleRegistryOptions;
  private readonly limits: Limits;
  private readonly log: Log;
  private readonly metrics: Metrics;
  private readonly store: Store;
  private readonly gate: Gate;
  private readonly turns: Turns = createTurns(PARALLEL_FETCHES);
  private readonly lost = new Notifier<Digest>();
  private readonly fetches = createSingleFlight<Result<Module>>({ isForAll: ({ ok }) => ok });
  private readonly tagLists = createSingleFlight<Result<readonly string[]>>();
  private readonly handings = createSingleFlight<Module | undefined>();

  constructor(options: ModuleRegistryOptions) {
    const { log = silentLog, limits = defaultLimits, clock = systemClock, metrics = silentMetrics } = options;
    this.options = { tagStates: createTagStates(), ...options };
    this.limits = limits;
    this.log = log;
    this.metrics = metrics;
    const { dataDir, maxStoreBytes: maxBytes = 2 * 2 ** 30, scrub } = options;
    const onDamaged = (wasmDigest: Digest) => this.damaged(wasmDigest);
    this.store = createStore({ directory: join(dataDir, "modules"), maxBytes, log, clock, scrub, onDamaged });
    this.gate = createGate(clock);
    metrics.gauge("store_bytes", () => this.store.bytes());
  }

  repositoryOf(image: string): string {
    return canonicalRepository(image);
  }

  resolve(image: string, pin: Digest | undefined, asking: PullOptions): Promise<Result<Digest>> {
    const { store, gate, log, turns, options } = this;
    return resolveImage({ store, gate, log, turns, options }, image, pin, asking);
  }

  /** One list for all who ask with the same credentials at a time. */
  async tags(image: string, { keychain, namespace, signal }: PullOptions): Promise<Result<readonly string[]>> {
    const opened = openFor(image, keychain, { ...this.options, namespace });
    if (!opened.ok) return opened;
    const { repository, identity } = opened.value;
    const listed = await this.tagLists.run(JSON.stringify([repository.name, identity]), (own) => repository.tags(own), { signal });
    return listed ?? failForNow("Canceled", "the request was canceled");
  }

  /** The store is looked at only when the answer may depend on it: nobody learns from a refusal, or from its time, what others have there. */
  async pull(image: string, digest: Digest, asking: Parameters<ModuleRegistry["pull"]>[2]): Promise<Result<Module>> {
    const { gate, limits, turns } = this;
    const { namespace, kept, signal } = asking;
    const own = kept?.byFilter(digest) === true ? await this.kept("manifests", digest, asking) : undefined;
    if (own !== undefined) return ok(own);
    const keychain = typeof asking.keychain === "function" ? await asking.keychain() : asking.keychain;
    const opened = openFor(image, keychain, { ...this.options, namespace });
    if (!opened.ok) return opened;
    const { repository, identity } = opened.value;
    const claim: Claim = { namespace, source: repository.name, digest };
    const isKept = () => kept?.byNamespace(digest) === true;
    const found = async () => {
      const known = await this.stored("manifests", digest);
      return known !== undefined && (known.from.includes(claim.source) || isKept()) ? known : undefined;
    };
    const entered = await gate.enter(claim, opened.value, signal);
    const known = entered.ok ? await found() : undefined;
    if (known !== undefined) return ok(known.value);
    const get: Get = async (sink, own) => {
      const image = await findImage(repository, digest, own, (work) => turns.run(namespace, work));
      return image.ok ? turns.run(namespace, () => fetchModule(repository, image.value, limits, sink, own)) : image;
    };
    // Whoever showed access here shares the download; a failure is for those with the same credentials.
    const pulled = entered.ok ? await this.fetch({ space: "manifests", claim, identity, asking, get }) : entered;
    return pulled.ok ? pulled : this.orLeft(claim, pulled, isKept, found);
  }

  /** A URL knows no credentials: a namespace shows access by downloading from it, once in a while. */
  async pullUrl(url: string, sha256: Digest, asking: Asking): Promise<Result<Module>> {
    const { namespace, kept } = asking;
    const { gate, turns, limits } = this;
    const claim: Claim = { namespace, source: url, digest: sha256 };
    const own = kept?.byFilter(sha256) === true ? await this.kept("urls", sha256, asking) : undefined;
    if (own !== undefined) return ok(own);
    const found = () => this.stored("urls", sha256);
    const known = gate.isOpen(claim) ? await found() : undefined;
    if (known !== undefined) return ok(known.value);
    const wanted = { url, digest: sha256, limit: limits.moduleBytes };
    const get: Get = (sink, own) => turns.run(namespace, () => fetchUrl(httpOptions(this.options), wanted, sink, own));
    const pulled = await this.fetch({ space: "urls", claim, identity: "", asking, get });
    if (!pulled.ok) return this.orLeft(claim, pulled, () => kept?.byNamespace(sha256) === true, found);
    gate.admit(claim);
    return pulled;
  }

  /** What the store has of a repository says it; what a peer gave, or nobody did, does not. */
  async configSchema(
    image: string,
    digest: Digest,
    { keychain, namespace, kept, signal }: PullOptions,
  ): Promise<Result<CarriedSchema | undefined>> {
    const opened = openFor(image, keychain, { ...this.options, namespace });
    if (!opened.ok) return opened;
    const { repository } = opened.value;
    const stored = () => this.store.module("manifests", digest);
    const own = kept?.byFilter(digest) === true ? await stored() : undefined;
    if (own !== undefined && own.from.length > 0) return ok(own.value.configSchema);
    const entered = await this.gate.enter({ namespace, source: repository.name, digest }, opened.value, signal);
    if (!entered.ok) return entered;
    const known = await stored();
    if (known?.from.includes(repository.name) === true) return ok(known.value.configSchema);
    const found = await findImage(repository, digest, signal, (work) => this.turns.run(namespace, work));
    return found.ok ? fetchConfigSchema(repository, found.value.manifest, signal) : found;
  }

  read(wasmDigest: Digest): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.store.read(wasmDigest);
  }

  has(wasmDigest: Digest): Promise<boolean> {
    return this.store.has(wasmDigest);
  }

  retain(needed: () => ReadonlySet<Digest> | undefined): void {
    this.store.retain(needed);
  }

  /**
   * What revisions of the filter that asks keep: from the store, or from a peer by the digest that their record has. The registry is asked for neither. What a peer gave
   * was delivered by no repository, so it is for nobody else.
   */
  private async kept(space: Space, digest: Digest, { namespace, kept, signal }: Asking): Promise<Module | undefined> {
    const stored = await this.stored(space, digest);
    const wasmDigest = kept?.moduleOf(digest);
    const { peers } = this.options;
    if (stored !== undefined || peers === undefined || wasmDigest === undefined) return stored?.value;
    const task = async (own: AbortSignal) => {
      const bytes = (await this.store.read(wasmDigest)) ?? (await peers.read(wasmDigest, own));
      if (bytes === undefined) return undefined;
      const module = { digest, wasmDigest, size: bytes.byteLength, mediaType: "" };
      const put = await this.store.put(space, module, bytes);
      if (put.ok) this.log.info("module handed over by a replica", { digest, wasmDigest, bytes: module.size, namespace });
      else this.log.warn(put.error.message, { digest, wasmDigest });
      return put.ok ? put.value : undefined;
    };
    const key = JSON.stringify([space, digest, wasmDigest]);
    return this.handings.run(key, (own) => this.turns.run(namespace, () => task(own)), { signal });
  }

  onLost(listener: (wasmDigest: Digest) => void): () => void {
    return this.lost.listen((digests) => digests.forEach((digest) => void listener(digest)));
  }

  private damaged(wasmDigest: Digest): void {
    this.metrics.storeDamaged();
    this.lost.note(wasmDigest);
  }

  /** After a failure: what the store has, if the namespace keeps it and the failure says nothing about access. */
  private async orLeft(
    claim: Claim,
    failed: { readonly ok: false; readonly error: Failure },
    isKept: () => boolean,
    found: () => Promise<Delivered<Module> | undefined>,
  ): Promise<Result<Module>> {
    this.gate.failed(claim, failed.error);
    const left = this.gate.isAway(claim, failed.error) && isKept() ? await found() : undefined;
    return left === undefined ? failed : ok(left.value);
  }

  /** Fetches and keeps. One download for each digest and source, however many ask. */
  private async fetch({ space, claim, identity, asking, get }: Fetch): Promise<Result<Module>> {
    const { source, digest, namespace } = claim;
    const full = await this.checkShare(digest, asking);
    if (full !== undefined) return { ok: false, error: full };
    const task = async (own: AbortSignal): Promise<Result<Module>> => {
      const kept = await this.store.bring(space, space === "manifests" ? source : undefined, async (sink) => {
        const stop = this.metrics.start("pull");
        const fetched = await get(sink, own);
        stop(outcomeOf(fetched));
        return fetched;
      });
      if (kept.ok) this.log.info("module pulled", { digest, wasmDigest: kept.value.wasmDigest, bytes: kept.value.size, namespace });
      return kept;
    };
    const outcome = await this.fetches.run(JSON.stringify([space, digest, source]), task, { identity, signal: asking.signal });
    return outcome ?? failForNow("Canceled", "the request was canceled");
  }

  /** Why the namespace gets no new module, if it keeps too many. A module that its filter's own revisions lost is not new. */
  private async checkShare(digest: Digest, { namespace, kept }: Asking): Promise<Failure | undefined> {
    if (kept === undefined || kept.byFilter(digest)) return undefined;
    const limit = this.options.maxNamespaceBytes ?? 8 * 2 ** 30;
    // One namespace has no more than all of them, and its modules take long to list.
    if ((await this.store.bytes()) < limit) return undefined;
    const used = await this.store.bytes(kept.modules());
    if (used < limit) return undefined;
    const what = `revisions of namespace ${namespace} keep ${printBytes(used)} of modules; the limit is ${printBytes(limit)}`;
    return fail("NamespaceStoreFull", `${what}; lower spec.revisionHistoryLimit, delete filters, or raise --max-namespace-store`).error;
  }

  /** The module, if its record and its verified file are both there. */
  private async stored(space: Space, digest: Digest): Promise<Delivered<Module> | undefined> {
    const found = await this.store.module(space, digest);
    if (found === undefined) return undefined;
    const { wasmDigest } = found.value;
    this.store.hold(wasmDigest);
    return (await this.store.has(wasmDigest)) ? found : undefined;
  }
}
