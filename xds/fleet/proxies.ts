import { Notifier } from "../../base/notifier.ts";
import type { FleetView, ProxyHealth, ProxyNode } from "../../model/delivery.ts";
import type { NodeInfo } from "../stream/node.ts";
import { createProxyRecord, type ProxyRecord } from "./proxy.ts";
import { viewOf } from "./view.ts";

/** The proxies of one server: those with a stream, and those that had one and are not forgotten yet. */
export class Proxies implements FleetView {
  /** By key. */
  private readonly records = new Map<string, ProxyRecord>();
  private readonly changes = new Notifier<string>();

  get size(): number {
    return this.records.size;
  }

  get(key: string): ProxyRecord | undefined {
    return this.records.get(key);
  }

  /** The record of a proxy that opens a stream; a new one if it was not known. `now`: milliseconds since the epoch. */
  getOrAdd(node: NodeInfo, now: number): ProxyRecord {
    const known = this.records.get(node.key);
    if (known !== undefined) return known;
    const added = createProxyRecord(node, now);
    this.records.set(node.key, added);
    return added;
  }

  /** The record changed: its view is built anew, and listeners hear of it. */
  touch(record: ProxyRecord): void {
    record.view = undefined;
    this.changes.note(record.node.key);
  }

  delete(key: string): void {
    if (this.records.delete(key)) this.changes.note(key);
  }

  *proxies(): IterableIterator<ProxyNode> {
    for (const record of this.records.values()) yield viewed(record);
  }

  proxy(key: string): ProxyNode | undefined {
    const record = this.records.get(key);
    return record && viewed(record);
  }

  health(key: string): ProxyHealth | undefined {
    return this.records.get(key)?.stats?.health();
  }

  onChange(listener: (keys: ReadonlySet<string>) => void): () => void {
    return this.changes.listen(listener);
  }
}

function viewed(record: ProxyRecord): ProxyNode {
  record.view ??= viewOf(record);
  return record.view;
}
