import { randomBytes } from "node:crypto";
import type { Clock } from "../../model/clock.ts";
import type { Fleet, ProxyNode } from "../../model/delivery.ts";
import type { Digest } from "../../model/digest.ts";
import { type Log, silentLog } from "../../model/log.ts";
import { parseName } from "../envoy/chain.ts";
import type { MetricFamily } from "../gen/io/prometheus/client/metrics.ts";
import type { Cache } from "../protocol/cache.ts";
import { typeUrls } from "../protocol/resource.ts";
import type { Answer } from "../protocol/subscription.ts";
import type { Problem } from "../services/csds.ts";
import type { StreamObserver, Subscribed, XdsStream } from "../stream/stream.ts";
import { createAnswerLog } from "./answer-log.ts";
import { differ, differs } from "./assignment.ts";
import { createDelivery } from "./ledger.ts";
import { createOffers } from "./offers.ts";
import { createRecord, isNewest, type ProxyRecord } from "./proxy.ts";
import { isManaged, managedKey, serve, serveManaged } from "./serve.ts";
import { createProxyStats } from "./stats.ts";
import { viewOf } from "./view.ts";

export interface FleetOptions {
  readonly cache: Cache;
  readonly clock: Clock;
  readonly log?: Log;
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
  /** Proxies known, connected or not. */
  known(): number;
  /** Encoded extension configs in memory. */
  encoded(): number;
}

const ECDS = typeUrls.extensionConfig;

/** The fleet: who is connected, what each proxy should hold and what it said to it. It fills the cache, which the streams serve from. */
export function createFleet({ cache, clock, log = silentLog, epoch = randomBytes(6).toString("hex") }: FleetOptions): FleetCore {
  const proxies = new Map<string, ProxyRecord>();
  const offers = createOffers(epoch);
  const answers = createAnswerLog(log);
  const changes = createChanges<string>();
  const missing = createChanges<Digest>();

  function touch(record: ProxyRecord): void {
    record.view = undefined;
    changes.note(record.node.id);
  }

  function opened({ id, node }: XdsStream): void {
    if (node === undefined) return;
    const record = proxies.get(node.id) ?? createRecord(node, clock.now());
    proxies.set(node.id, record);
    if (record.node.version !== node.version) for (const delivery of record.deliveries.values()) delivery.forgive();
    if (record.streams.size === 0) {
      record.since = clock.now();
      record.listening = false;
    }
    const managedAnew = (record.node.managed ?? node.managed) !== undefined && managedKey(record.node) !== managedKey(node);
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
      if (resuming) delivery.resumed();
      else delivery.claimed(claimed);
      if (record.assigned !== undefined) serve(cache, offers, record, delivery);
    }
    touch(record);
  }

  function answered(stream: XdsStream, typeUrl: string, { items, error }: Pick<Answer, "items" | "error">): void {
    const record = recordOf(stream);
    if (record !== undefined && typeUrl === typeUrls.listener && error === undefined) record.listening = true;
    if (record === undefined || typeUrl !== ECDS) return;
    for (const { name, version } of items) {
      const delivery = record.deliveries.get(name);
      if (delivery === undefined || version === undefined || !isNewest(record, name, stream.id)) continue;
      const before = delivery.running;
      const news = error === undefined ? delivery.acked(version, clock.now()) : delivery.rejected(version, error, clock.now());
      if (!news) continue;
      if (error === undefined) answers.acked(record.node.id, delivery, before);
      else answers.rejected(record.node.id, delivery, error);
      if (error !== undefined || isManaged(record, delivery)) serve(cache, offers, record, delivery);
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
      if (record === undefined) return;
      const before = record.assigned;
      record.assigned = slots;
      // What is lacking may be there by now.
      for (const name of [...record.lacking]) {
        const delivery = record.deliveries.get(name);
        if (delivery === undefined) record.lacking.delete(name);
        else serve(cache, offers, record, delivery);
      }
      if (before === slots || (before !== undefined && !differ(before, slots))) return;
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
    onMissing: (listener) => missing.listen((digests) => [...digests].forEach(listener)),
  };

  return {
    fleet,
    observer: {
      opened,
      subscribed,
      answered,
      missing(stream, { name }, wasmDigest) {
        recordOf(stream)?.lacking.add(name);
        missing.note(wasmDigest);
      },
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
    known: () => proxies.size,
    encoded: offers.size,
  };
}

/** Collects ids and tells the listeners in a later turn. */
function createChanges<T>() {
  const listeners = new Set<(ids: ReadonlySet<T>) => void>();
  let pending = new Set<T>();
  return {
    note(id: T): void {
      if (pending.size === 0) {
        setImmediate(() => {
          const ids = pending;
          pending = new Set();
          for (const listener of listeners) listener(ids);
        });
      }
      pending.add(id);
    },
    listen(listener: (ids: ReadonlySet<T>) => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
