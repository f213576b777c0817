import type { Chain, ProxyNode } from "../../model/delivery.ts";
import type { FilterType } from "../../model/settings.ts";
import type { NodeInfo } from "../stream/node.ts";
import type { XdsStream } from "../stream/stream.ts";
import type { Ledger } from "./ledger.ts";
import { Pulse } from "./pulse.ts";
import type { ProxyStats } from "./stats.ts";

/** An open stream of a proxy. */
export interface Opened {
  readonly node: NodeInfo;
  readonly connection: XdsStream["connection"];
}

export interface ManagedListener {
  readonly version: string;
  /** Names of the single filters that it has places for. */
  readonly places: ReadonlySet<string>;
}

/** What this server knows of one proxy. */
export interface ProxyRecord {
  /** Of the oldest open stream: one that comes beside it changes nothing of what this proxy is. When none is open, of the last one. */
  node: NodeInfo;
  /** Ids of the open streams, the oldest first, what each said of itself, and what carries it. */
  readonly streams: Map<number, Opened>;
  /** Of a managed sidecar: the listener that it acknowledged last since it connected. */
  listening: ManagedListener | undefined;
  /** True once it said, since it connected, that it holds filters from before. */
  resumed: boolean;
  /** The listener that it is meant to have. */
  listener: ManagedListener | undefined;
  /** By resource name. Some ledgers without subscribers are kept for their history (`left`); they are not shown while the proxy is connected. */
  readonly ledgers: Map<string, Ledger>;
  /** Resource name -> type of the filter that it held last. What fills its place must be of the same type. */
  readonly types: Map<string, FilterType>;
  /** Resource name -> ids of the streams that subscribe to it. */
  readonly subscribers: Map<string, Set<number>>;
  /** Names that it unsubscribed from, whose ledgers are kept for their history; the oldest comes first. Created when it is needed. */
  left: Map<string, string> | undefined;
  /** Resource names that are held in the cache because a module could not be loaded. */
  readonly lacking: Set<string>;
  assigned: ReadonlyMap<string, Chain | "hold"> | undefined;
  since: number;
  /** From its metrics stream, of this id. */
  stats: ProxyStats | undefined;
  statsFrom: number;
  readonly pulse: Pulse;
  /** The view of it; `undefined` when something changed since it was built. */
  view: ProxyNode | undefined;
}

export function createProxyRecord(node: NodeInfo, now: number): ProxyRecord {
  return {
    node,
    streams: new Map(),
    listening: undefined,
    resumed: false,
    listener: undefined,
    ledgers: new Map(),
    types: new Map(),
    subscribers: new Map(),
    left: undefined,
    lacking: new Set(),
    assigned: undefined,
    since: now,
    stats: undefined,
    statsFrom: 0,
    pulse: new Pulse(),
    view: undefined,
  };
}

/** True for the newest of the streams on which a node subscribes to a name: what it says counts. */
export function isNewest(record: ProxyRecord, name: string, streamId: number): boolean {
  for (const id of record.subscribers.get(name) ?? []) if (id > streamId) return false;
  return true;
}
