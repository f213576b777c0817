import { bounded } from "../../base/boundary.ts";
import type { Clock } from "../../model/clock.ts";
import type { Assigner, FleetView, ProxyNode } from "../../model/delivery.ts";
import { filterId } from "../../model/filter.ts";
import type { Log } from "../../model/log.ts";
import type { FilterRecord } from "../filter/record.ts";
import { type Bisection, createBisection, soleChange } from "./bisect.ts";
import type { FleetIndex } from "./index.ts";
import { filtersConcerned } from "./proxy-changes.ts";
import { createSlotNotices, type SlotNotices } from "./slot-notices.ts";

export interface FleetWatchOptions {
  readonly fleet: Pick<FleetView, "proxy"> & Pick<Assigner, "forget">;
  readonly index: FleetIndex;
  readonly clock: Clock;
  readonly log: Log;
  readonly record: (id: string) => FilterRecord | undefined;
  /** How long a lost proxy stays in the counts, as pending. */
  readonly forgetProxyMs: number;
  /** These proxies may be due other chains. */
  readonly due: (ids: ReadonlySet<string>) => void;
  /** A filter has to look at this proxy again. */
  readonly touched: (filterId: string, proxyKey: string) => void;
  /** These filters see their proxies differently. */
  readonly concerned: (records: ReadonlySet<FilterRecord>) => void;
}

/** Follows the fleet: keeps the index, remembers who rejected what, and forgets proxies that do not come back. */
export interface FleetWatch {
  changed(ids: Iterable<string>): void;
  /** Hashes of revisions that this proxy is not offered for now, while others are tried first. */
  withheld: Bisection["withheld"];
  stop(): void;
}

export function createFleetWatch(options: FleetWatchOptions): FleetWatch {
  return new IndexingFleetWatch(options);
}

class IndexingFleetWatch implements FleetWatch {
  readonly withheld: Bisection["withheld"];
  private readonly options: FleetWatchOptions;
  private readonly bisection = createBisection();
  private readonly noticeSlots: SlotNotices;
  /** Ids of the proxies that were seen to run something. */
  private readonly holding = new Set<string>();
  private readonly forgetting = new Map<string, () => void>();
  /** Every proxy as it was looked at last. */
  private readonly seen = new Map<string, ProxyNode>();

  constructor(options: FleetWatchOptions) {
    this.options = options;
    this.withheld = this.bisection.withheld;
    this.noticeSlots = createSlotNotices(options.log);
  }

  private recordsOf(proxyKey: string): FilterRecord[] {
    return [...this.options.index.filtersOf(proxyKey)].map(this.options.record).filter((known) => known !== undefined);
  }

  changed(ids: Iterable<string>): void {
    const concerned = new Set<FilterRecord>();
    const due = new Set<string>();
    const { log } = this.options;
    for (const id of ids) {
      bounded(
        () => this.look(id, due, concerned),
        (error) => log.error("a proxy could not be looked at", { proxy: id, error: String(error) }),
      );
    }
    this.options.due(due);
    this.options.concerned(concerned);
  }

  /** Takes in how one proxy stands: what it is due is looked at again, and so are the filters that it says something about. */
  private look(id: string, due: Set<string>, concerned: Set<FilterRecord>): void {
    const proxy = this.options.fleet.proxy(id);
    if (proxy === undefined) return;
    for (const left of this.options.index.setProxy(proxy)) this.note(left, id, concerned);
    this.watchAbsence(proxy);
    this.noteRejections(proxy, concerned);
    if (this.bisection.observe(proxy) || proxy.connected) due.add(id);
    const records = this.recordsOf(id);
    this.noticeSlots(proxy, new Set(records.flatMap(({ filter }) => (filter === undefined ? [] : [filter.settings.slot]))));
    const news = filtersConcerned(this.seen.get(id), proxy);
    this.seen.set(id, proxy);
    for (const known of records) {
      if (news === undefined || news.has(known.id) || known.rollout.phase === "Progressing") this.note(known.id, id, concerned);
    }
  }

  stop(): void {
    for (const cancel of this.forgetting.values()) cancel();
    this.forgetting.clear();
  }

  private note(filterId: string, proxyKey: string, concerned: Set<FilterRecord>): void {
    this.options.touched(filterId, proxyKey);
    const known = this.options.record(filterId);
    if (known !== undefined) concerned.add(known);
  }

  /** A proxy that ran something and holds nothing now is another process: what the old one rejected does not count for it. */
  private forgiveNewProcess(proxy: ProxyNode): void {
    const runs = [...proxy.slots.values()].some(({ running }) => running !== undefined);
    if (runs) this.holding.add(proxy.key);
    else if (proxy.connected && this.holding.delete(proxy.key)) {
      for (const known of this.recordsOf(proxy.key)) {
        known.forgive(proxy.key);
        this.options.touched(known.id, proxy.key);
      }
    }
  }

  /** Adds to `concerned` whose rejections changed. */
  private noteRejections(proxy: ProxyNode, concerned: Set<FilterRecord>): void {
    this.forgiveNewProcess(proxy);
    for (const { rejection, running } of proxy.slots.values()) {
      for (const entry of running ?? []) {
        const known = this.options.record(filterId(entry.filter));
        if (rejection !== undefined || known?.rejections.get(proxy.key)?.hash !== entry.hash) continue;
        known.forgive(proxy.key);
        this.note(known.id, proxy.key, concerned);
      }
      if (rejection === undefined) continue;
      const culprit = rejection.culprit ?? soleChange(rejection.filters, running);
      if (culprit === undefined || culprit.isPlaceholder) continue;
      const known = this.options.record(filterId(culprit.filter));
      if (known === undefined || known.rejections.get(proxy.key)?.hash === culprit.hash) continue;
      known.reject(proxy.key, { hash: culprit.hash, message: rejection.message, at: rejection.at });
      this.note(known.id, proxy.key, concerned);
    }
  }

  private watchAbsence(proxy: ProxyNode): void {
    if (proxy.connected) {
      this.forgetting.get(proxy.key)?.();
      this.forgetting.delete(proxy.key);
    } else if (!this.forgetting.has(proxy.key)) {
      this.forgetting.set(
        proxy.key,
        this.options.clock.after(this.options.forgetProxyMs, () => this.forget(proxy.key)),
      );
    }
  }

  private forget(id: string): void {
    this.forgetting.delete(id);
    const concerned = this.recordsOf(id);
    this.options.fleet.forget(id);
    this.options.index.removeProxy(id);
    this.bisection.forget(id);
    this.holding.delete(id);
    this.seen.delete(id);
    for (const known of concerned) {
      known.forgive(id);
      this.options.touched(known.id, id);
    }
    this.options.concerned(new Set(concerned));
  }
}
