import { randomBytes } from "node:crypto";
import type { Clock } from "../model/clock.ts";
import type { Chain, ChainEntry, Fleet, ProxyNode } from "../model/delivery.ts";
import { type FilterType, filterId } from "../model/filter.ts";
import type { Cache } from "./cache.ts";
import type { Problem } from "./csds.ts";
import type { MetricFamily } from "./gen/io/prometheus/client/metrics.ts";
import { createDelivery, type Delivery, type Offer } from "./ledger.ts";
import type { NodeInfo } from "./node.ts";
import { createOffers, type Offers } from "./offers.ts";
import { createProxyStats, type ProxyStats } from "./proxy-stats.ts";
import { viewOf } from "./proxy-view.ts";
import { typeUrls } from "./resource.ts";
import { parseName } from "./resources/chain.ts";
import { managedResources } from "./resources/managed.ts";
import type { StreamObserver, Subscribed, XdsStream } from "./stream.ts";
import type { Answer } from "./subscription.ts";

/** What is known of one proxy. */
export interface ProxyRecord {
  node: NodeInfo;
  readonly streams: Set<number>;
  /** By resource name. Those without subscribers are kept for what they remember, but not shown while the proxy is connected. */
  readonly deliveries: Map<string, Delivery>;
  /** Resource name -> type of the filter it held last: what fills its place must be of the same. */
  readonly types: Map<string, FilterType>;
  /** Resource name -> ids of the streams that subscribe to it. */
  readonly subscribers: Map<string, Set<number>>;
  assigned: ReadonlyMap<string, Chain | "hold"> | undefined;
  since: number;
  /** From its metrics stream. */
  stats: ProxyStats | undefined;
  /** What `proxy` returned last, until something changes. */
  view: ProxyNode | undefined;
}

export interface FleetOptions {
  readonly cache: Cache;
  readonly clock: Clock;
  /** Differs from that of every server before this one. */
  readonly epoch?: string;
}

export interface FleetCore {
  readonly fleet: Fleet;
  readonly observer: StreamObserver;
  /** Takes in stats that a proxy streamed; those of unknown proxies are dropped. `isFirst`: what was known before is void. */
  reportStats(id: string, families: readonly MetricFamily[], isFirst: boolean): void;
  /** Why a proxy does not hold under this name what it is meant to. */
  problemOf(id: string, typeUrl: string, name: string): Problem | undefined;
  /** Encoded extension configs in memory. */
  encoded(): number;
}

const ECDS = typeUrls.extensionConfig;

/** The fleet: who is connected, what each proxy should hold and what it said to it. It fills the cache, which the streams serve from. */
export function createFleet({ cache, clock, epoch = randomBytes(6).toString("hex") }: FleetOptions): FleetCore {
  const proxies = new Map<string, ProxyRecord>();
  const offers = createOffers(epoch);
  const changes = createChanges();

  function touch(record: ProxyRecord): void {
    record.view = undefined;
    changes.note(record.node.id);
  }

  function opened({ id, node }: XdsStream): void {
    if (node === undefined) return;
    const record = proxies.get(node.id) ?? createRecord(node, clock.now());
    proxies.set(node.id, record);
    if (record.node.version !== node.version) for (const delivery of record.deliveries.values()) delivery.forgive();
    if (record.streams.size === 0) record.since = clock.now();
    const managedAnew = managedKey(record.node) !== managedKey(node);
    record.node = node;
    record.streams.add(id);
    if (managedAnew && record.assigned !== undefined) serveManaged(cache, record);
    touch(record);
  }

  function subscribed(stream: XdsStream, typeUrl: string, added: readonly Subscribed[], removed: readonly string[], resuming: boolean) {
    const record = recordOf(stream);
    if (record === undefined || typeUrl !== ECDS) return;
    for (const name of removed) record.subscribers.get(name)?.delete(stream.id);
    for (const { name, claimed } of added) {
      const parsed = parseName(name);
      if (parsed === undefined) continue;
      const streams = record.subscribers.get(name) ?? new Set();
      record.subscribers.set(name, streams.add(stream.id));
      const delivery = record.deliveries.get(name) ?? createDelivery(name, parsed.slot, parsed.filter);
      record.deliveries.set(name, delivery);
      delivery.claimed(resuming ? delivery.running?.version : claimed);
      if (record.assigned !== undefined) serve(cache, offers, record, delivery);
    }
    touch(record);
  }

  function answered(stream: XdsStream, typeUrl: string, { items, error }: Answer): void {
    const record = recordOf(stream);
    if (record === undefined || typeUrl !== ECDS) return;
    for (const { name, version } of items) {
      const delivery = record.deliveries.get(name);
      if (delivery === undefined || version === undefined || !isNewest(record, name, stream.id)) continue;
      const news = error === undefined ? delivery.acked(version, clock.now()) : delivery.rejected(version, error, clock.now());
      if (!news) continue;
      if (error !== undefined) serve(cache, offers, record, delivery);
      touch(record);
    }
  }

  function closed({ id, node }: XdsStream): void {
    const record = proxies.get(node?.id ?? "");
    if (record === undefined || !record.streams.delete(id)) return;
    if (record.streams.size === 0) {
      // What the proxy had when it left stays in view; what it gave up earlier goes.
      for (const [name, streams] of record.subscribers) if (streams.size === 0) record.deliveries.delete(name);
      record.since = clock.now();
    }
    for (const [name, streams] of record.subscribers) {
      streams.delete(id);
      if (streams.size === 0) record.subscribers.delete(name);
    }
    touch(record);
  }

  function recordOf({ node }: XdsStream): ProxyRecord | undefined {
    return node && proxies.get(node.id);
  }

  function proxy(id: string): ProxyNode | undefined {
    const record = proxies.get(id);
    if (record !== undefined) record.view ??= viewOf(record);
    return record?.view;
  }

  const fleet: Fleet = {
    *proxies() {
      for (const id of proxies.keys()) {
        const found = proxy(id);
        if (found !== undefined) yield found;
      }
    },
    proxy,
    health: (id) => proxies.get(id)?.stats?.health(),
    assign(id, slots) {
      const record = proxies.get(id);
      if (record === undefined || record.assigned === slots) return;
      const before = record.assigned;
      record.assigned = slots;
      if (before !== undefined && !differ(before, slots)) return;
      record.view = undefined;
      for (const delivery of record.deliveries.values()) {
        if (before === undefined || differs(before.get(delivery.slot), slots.get(delivery.slot))) serve(cache, offers, record, delivery);
      }
      if (before === undefined) cache.open(id, ECDS);
      serveManaged(cache, record);
    },
    forget(id) {
      if (proxies.get(id)?.streams.size !== 0) return;
      proxies.delete(id);
      cache.clear(id);
      changes.note(id);
    },
    onChange: changes.listen,
  };

  return {
    fleet,
    observer: {
      opened,
      subscribed,
      answered,
      settled: (stream, typeUrl, item) => answered(stream, typeUrl, { items: [item], error: undefined }),
      closed,
    },
    reportStats(id, families, isFirst) {
      const record = proxies.get(id);
      if (record === undefined) return;
      if (isFirst || record.stats === undefined) record.stats = createProxyStats();
      record.stats.take(families, clock.now());
    },
    problemOf(id, typeUrl, name) {
      const delivery = typeUrl === ECDS ? proxies.get(id)?.deliveries.get(name) : undefined;
      const rejection = delivery?.rejection;
      return rejection && { version: delivery?.desired?.resource.version ?? "", message: rejection.message, at: rejection.at };
    },
    encoded: offers.size,
  };
}

function createRecord(node: NodeInfo, now: number): ProxyRecord {
  return {
    node,
    streams: new Set(),
    deliveries: new Map(),
    types: new Map(),
    subscribers: new Map(),
    assigned: undefined,
    since: now,
    stats: undefined,
    view: undefined,
  };
}

/** Where a node has several streams for a name, the newest speaks for it. */
function isNewest(record: ProxyRecord, name: string, streamId: number): boolean {
  for (const id of record.subscribers.get(name) ?? []) if (id > streamId) return false;
  return true;
}

type Assigned = Chain | "hold" | undefined;

/** True when two assignments differ in what they mean. Almost always they are the same objects, or equal in a few comparisons. */
function differ(a: ReadonlyMap<string, Assigned>, b: ReadonlyMap<string, Assigned>): boolean {
  for (const [slot, chain] of a) if (differs(chain, b.get(slot))) return true;
  for (const [slot, chain] of b) if (!a.has(slot) && differs(undefined, chain)) return true;
  return false;
}

/** A slot that is not assigned holds the empty chain. */
function differs(a: Assigned = [], b: Assigned = []): boolean {
  if (a === b) return false;
  if (a === "hold" || b === "hold" || a.length !== b.length) return true;
  return a.some((entry, index) => !isSame(entry, b[index]));
}

function isSame(a: ChainEntry, b: ChainEntry | undefined): boolean {
  return a === b || (a.hash === b?.hash && a.revision === b.revision && a.type === b.type && filterId(a.filter) === filterId(b.filter));
}

/** Puts into the cache what this name should be served now. */
function serve(cache: Cache, offers: Offers, record: ProxyRecord, delivery: Delivery): void {
  const id = record.node.id;
  const chain = record.assigned?.get(delivery.slot) ?? [];
  // Held: nothing new is said, and what was served before may be said to a stream that comes back.
  if (chain !== "hold") delivery.desire(offerFor(offers, record, delivery, chain));
  const { served } = delivery;
  if (served !== undefined) cache.put(id, served);
  else cache.hold(id, ECDS, delivery.name);
}

function offerFor(offers: Offers, { node, types }: ProxyRecord, delivery: Delivery, chain: Chain): Offer {
  const { name, slot, filter, attempt } = delivery;
  if (filter === undefined) return offers.chain(slot, chain, node.dialect, attempt);
  const entry = chain.find((each) => each.filter.namespace === filter.namespace && each.filter.name === filter.name);
  if (entry !== undefined) {
    types.set(name, entry.type);
    return offers.filter(slot, entry, node.dialect, attempt);
  }
  const empty = offers.empty(slot, filter, types.get(name) ?? "HTTP", node.dialect, attempt);
  // A name does not tell which type its place takes: the proxy does, by rejecting the wrong one.
  const wrong = !types.has(name) && delivery.rejects(empty.resource.version);
  return wrong ? offers.empty(slot, filter, "Network", node.dialect, attempt) : empty;
}

/** Changes with everything in a node that the listener of a managed sidecar depends on. */
function managedKey({ managed, dialect }: NodeInfo): string {
  return JSON.stringify([managed, dialect]);
}

/** The listener, route and cluster of a managed sidecar. While one of its slots is on hold they stay as they are: a listener may name its filters. */
function serveManaged(cache: Cache, { node, assigned }: ProxyRecord): void {
  if (node.managed === undefined || assigned === undefined) return;
  const chains = new Map<string, Chain>();
  for (const slot of node.managed.slots) {
    const chain = assigned.get(slot) ?? [];
    if (chain === "hold") return;
    chains.set(slot, chain);
  }
  const resources = managedResources(node.managed, node.dialect, chains);
  for (const typeUrl of [typeUrls.cluster, typeUrls.endpoint, typeUrls.listener, typeUrls.route]) {
    cache.set(
      node.id,
      typeUrl,
      resources.filter((resource) => resource.typeUrl === typeUrl),
    );
  }
}

/** Collects ids and tells the listeners in a later turn. */
function createChanges() {
  const listeners = new Set<(ids: ReadonlySet<string>) => void>();
  let pending = new Set<string>();
  return {
    note(id: string): void {
      if (pending.size === 0) {
        setImmediate(() => {
          const ids = pending;
          pending = new Set();
          for (const listener of listeners) listener(ids);
        });
      }
      pending.add(id);
    },
    listen(listener: (ids: ReadonlySet<string>) => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
