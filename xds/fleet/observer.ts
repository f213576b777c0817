import { isDeepStrictEqual } from "node:util";
import { setBounded } from "../../base/bounded-map.ts";
import type { Notifier } from "../../base/notifier.ts";
import type { Clock } from "../../model/clock.ts";
import type { Digest } from "../../model/digest.ts";
import { parseName } from "../envoy/chain.ts";
import type { Cache } from "../protocol/cache.ts";
import { type Resource, typeUrls } from "../protocol/resource.ts";
import type { Answer, Item } from "../protocol/subscription.ts";
import type { NodeInfo } from "../stream/node.ts";
import type { StreamObserver, Subscribed } from "../stream/observer.ts";
import type { XdsStream } from "../stream/stream.ts";
import type { AnswerLog } from "./answer-log.ts";
import { Ledger } from "./ledger.ts";
import type { Offers } from "./offers.ts";
import type { Proxies } from "./proxies.ts";
import { isNewest, type ProxyRecord } from "./proxy.ts";
import type { Pulses } from "./pulses.ts";
import { followsAcks, isNewPlace, managedKey, serve, serveManaged } from "./serve.ts";

/** Names whose history is kept after a proxy unsubscribed: it asks again when its listener is built anew, and what it rejected must not come again. */
const MAX_LEFT = 64;

export interface ObserverOptions {
  readonly proxies: Proxies;
  readonly cache: Cache;
  readonly offers: Offers;
  readonly answers: AnswerLog;
  readonly clock: Clock;
  readonly pulses: Pulses;
  /** Told the digests of modules that could not be loaded. */
  readonly missing: Notifier<Digest>;
}

/** Updates the records of proxies by what happens on their streams, and puts into the cache what follows from that. */
export class FleetObserver implements StreamObserver {
  private readonly options: ObserverOptions;

  constructor(options: ObserverOptions) {
    this.options = options;
  }

  opened({ id, node, connection }: XdsStream): void {
    if (node === undefined) return;
    const { proxies, clock, pulses } = this.options;
    const record = proxies.getOrAdd(node, clock.now());
    if (record.streams.size === 0) {
      record.since = clock.now();
      record.listening = undefined;
      record.resumed = false;
      this.adopt(record, node);
      pulses.opened(record, { node, connection });
    }
    record.streams.set(id, { node, connection });
    proxies.touch(record);
  }

  relabeled(stream: XdsStream): void {
    const { id, node, connection } = stream;
    const record = this.recordOf(stream);
    if (node === undefined || record?.streams.has(id) !== true) return;
    record.streams.set(id, { node, connection });
    const [eldest] = record.streams.keys();
    if (eldest === id) this.adopt(record, node);
    this.options.proxies.touch(record);
  }

  subscribed(
    stream: XdsStream,
    typeUrl: string,
    added: readonly Subscribed[],
    removed: readonly string[],
    resuming: string | undefined,
  ): void {
    const record = this.recordOf(stream);
    if (record === undefined || typeUrl !== typeUrls.extensionConfig) return;
    for (const name of removed) this.unsubscribed(record, name, stream.id);
    // With what it holds a proxy names, in one request, all the places that it has.
    const holds = resuming !== undefined || added.some(({ claimed }) => claimed !== undefined);
    const isNew = (name: string) => !holds && isNewPlace(record, name);
    for (const { name, claimed } of added) {
      const ledger = subscribe(record, name, stream.id);
      if (ledger === undefined) continue;
      record.left?.delete(name);
      // A response has the version of its one resource; of several, none.
      if (resuming !== undefined) ledger.resumed(added.length === 1 ? resuming : "");
      else this.claimed(record, ledger, claimed, isNew(name));
      if (record.assigned !== undefined) this.serve(record, ledger);
    }
    record.resumed ||= holds;
    this.options.proxies.touch(record);
  }

  answered(stream: XdsStream, typeUrl: string, { items, error }: Pick<Answer, "items" | "error">): void {
    const record = this.recordOf(stream);
    if (record === undefined) return;
    if (typeUrl === typeUrls.listener && error === undefined && items.some(({ version }) => version === record.listener?.version)) {
      record.listening = record.listener;
    }
    if (typeUrl !== typeUrls.extensionConfig) return;
    for (const { name, version } of items) {
      const ledger = record.ledgers.get(name);
      if (ledger === undefined || version === undefined || !isNewest(record, name, stream.id)) continue;
      if (error === undefined) this.acked(record, ledger, version);
      else this.rejected(record, ledger, version, error);
    }
  }

  settled(stream: XdsStream, typeUrl: string, item: Item): void {
    this.answered(stream, typeUrl, { items: [item], error: undefined });
  }

  missing(stream: XdsStream, { name }: Resource, wasmDigest: Digest): void {
    this.recordOf(stream)?.lacking.add(name);
    this.options.missing.note(wasmDigest);
  }

  closed(stream: XdsStream): void {
    const { proxies, clock, pulses } = this.options;
    const record = this.recordOf(stream);
    if (record === undefined) return;
    const [before] = record.streams.values();
    if (!record.streams.delete(stream.id)) return;
    const [eldest] = record.streams.values();
    if (eldest !== undefined) {
      this.adopt(record, eldest.node);
      if (eldest !== before) pulses.opened(record, eldest);
    } else {
      // What the proxy had when it left stays visible. What it unsubscribed from earlier is dropped.
      for (const name of record.left?.keys() ?? []) forgetName(record, name);
      record.left = undefined;
      record.since = clock.now();
      record.pulse.lost();
    }
    for (const [name, streams] of record.subscribers) {
      streams.delete(stream.id);
      if (streams.size === 0) record.subscribers.delete(name);
    }
    proxies.touch(record);
  }

  /** A process that holds nothing where there was something is a new one. */
  private claimed(record: ProxyRecord, ledger: Ledger, version: string | undefined, isNew: boolean): void {
    if (version === undefined && ledger.running !== undefined) record.pulse.renewed(this.options.clock.now());
    ledger.claimed(version, isNew);
  }

  /** What nobody asks for any more is let go, all but the history of the last few names. */
  private unsubscribed(record: ProxyRecord, name: string, streamId: number): void {
    const streams = record.subscribers.get(name);
    if (!streams?.delete(streamId) || streams.size > 0) return;
    record.subscribers.delete(name);
    record.lacking.delete(name);
    this.options.cache.release(record.node.key, typeUrls.extensionConfig, name);
    record.left ??= new Map();
    const lost = setBounded(record.left, name, name, MAX_LEFT);
    if (lost !== undefined) forgetName(record, lost);
  }

  /** From now on the proxy is what this node message says. */
  private adopt(record: ProxyRecord, node: NodeInfo): void {
    if (record.node === node) return;
    if (record.node.version !== node.version) for (const ledger of record.ledgers.values()) ledger.forgive();
    const managedAnew = (record.node.managed ?? node.managed) !== undefined && managedKey(record.node) !== managedKey(node);
    if (!isDeepStrictEqual(record.node.labels, node.labels)) {
      // Other filters may concern it now. What it was due before would be the wrong answer.
      record.assigned = undefined;
      this.options.cache.clear(record.node.key);
    }
    record.node = node;
    if (managedAnew && record.assigned !== undefined) serveManaged(this.options.cache, record);
  }

  private acked(record: ProxyRecord, ledger: Ledger, version: string): void {
    const { proxies, answers, clock } = this.options;
    const before = ledger.running;
    if (!ledger.acked(version, clock.now())) return;
    answers.acked(record.node, ledger, before);
    if (followsAcks(record, ledger)) this.serve(record, ledger);
    proxies.touch(record);
  }

  private rejected(record: ProxyRecord, ledger: Ledger, version: string, message: string): void {
    const { proxies, answers, clock } = this.options;
    if (!ledger.rejected(version, message, clock.now())) return;
    answers.rejected(record.node, ledger, message);
    this.serve(record, ledger);
    proxies.touch(record);
  }

  private serve(record: ProxyRecord, ledger: Ledger): void {
    serve(this.options, record, ledger);
  }

  private recordOf({ node }: XdsStream): ProxyRecord | undefined {
    return node && this.options.proxies.get(node.key);
  }
}

function forgetName(record: ProxyRecord, name: string): void {
  record.ledgers.delete(name);
  record.types.delete(name);
}

/** The ledger of a name that a stream subscribes to; `undefined` for a name that Weir does not serve. */
function subscribe(record: ProxyRecord, name: string, streamId: number): Ledger | undefined {
  const parsed = parseName(name);
  if (parsed === undefined) return undefined;
  const streams = record.subscribers.get(name) ?? new Set();
  record.subscribers.set(name, streams.add(streamId));
  const ledger = record.ledgers.get(name) ?? new Ledger(name, parsed.slot, parsed.filter);
  record.ledgers.set(name, ledger);
  return ledger;
}
