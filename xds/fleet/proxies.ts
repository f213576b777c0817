import type { FleetView, ProxyHealth, ProxyNode } from "../../model/delivery.ts";
import type { NodeInfo } from "../stream/node.ts";
import { Notifier } from "./notifier.ts";
import { createProxyRecord, type ProxyRecord } from "./proxy.ts";
import { viewOf } from "./view.ts";

/** The proxies of one server: those with a stream, and those that had one and are not forgotten yet. */
export class Proxies implements FleetView {
  private readonly records = new Map<string, ProxyRecord>();
  private readonly changes = new Notifier<string>();

  get size(): number {
    return this.records.size;
  }

  get(id: string): ProxyRecord | undefined {
    return this.records.get(id);
  }

  /** The record of a proxy that opens a stream; a new one if it was not known. `now`: milliseconds since the epoch. */
  getOrAdd(node: NodeInfo, now: number): ProxyRecord {
    const known = this.records.get(node.id);
    if (known !== undefined) return known;
    const added = createProxyRecord(node, now);
    this.records.set(node.id, added);
    return added;
  }

  /** The record changed: its view is built anew, and listeners hear of it. */
  touch(record: ProxyRecord): void {
    record.view = undefined;
    this.changes.note(record.node.id);
  }

  delete(id: string): void {
    if (this.records.delete(id)) this.changes.note(id);
  }

  *proxies(): IterableIterator<ProxyNode> {
    for (const record of this.records.values()) yield viewed(record);
  }

  proxy(id: string): ProxyNode | undefined {
    const record = this.records.get(id);
    return record && viewed(record);
  }

  health(id: string): ProxyHealth | undefined {
    return this.records.get(id)?.stats?.health();
  }

  onChange(listener: (ids: ReadonlySet<string>) => void): () => void {
    return this.changes.listen(listener);
  }
}

function viewed(record: ProxyRecord): ProxyNode {
  record.view ??= viewOf(record);
  return record.view;
}
