import type { Chain, ProxyNode } from "../../model/delivery.ts";
import type { FilterType } from "../../model/filter.ts";
import type { NodeInfo } from "../stream/node.ts";
import type { Ledger } from "./ledger.ts";
import type { ProxyStats } from "./stats.ts";

/** What is known of one proxy. */
export interface ProxyRecord {
  node: NodeInfo;
  readonly streams: Set<number>;
  /** True when it acknowledged the listener of a managed sidecar since it connected. */
  listening: boolean;
  /** By resource name. Those without subscribers are kept for what they remember, but not shown while the proxy is connected. */
  readonly ledgers: Map<string, Ledger>;
  /** Resource name -> type of the filter it held last: what fills its place must be of the same. */
  readonly types: Map<string, FilterType>;
  /** Resource name -> ids of the streams that subscribe to it. */
  readonly subscribers: Map<string, Set<number>>;
  /** Resource names that are held in the cache because a module could not be loaded. */
  readonly lacking: Set<string>;
  assigned: ReadonlyMap<string, Chain | "hold"> | undefined;
  since: number;
  /** From its metrics stream. */
  stats: ProxyStats | undefined;
  /** What `proxy` returned last, until something changes. */
  view: ProxyNode | undefined;
}

export function createProxyRecord(node: NodeInfo, now: number): ProxyRecord {
  return {
    node,
    streams: new Set(),
    listening: false,
    ledgers: new Map(),
    types: new Map(),
    subscribers: new Map(),
    lacking: new Set(),
    assigned: undefined,
    since: now,
    stats: undefined,
    view: undefined,
  };
}

/** Where a node has several streams for a name, the newest speaks for it. */
export function isNewest(record: ProxyRecord, name: string, streamId: number): boolean {
  for (const id of record.subscribers.get(name) ?? []) if (id > streamId) return false;
  return true;
}
