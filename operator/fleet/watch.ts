import type { Clock } from "../../model/clock.ts";
import type { Assigner, FleetView, ProxyNode } from "../../model/delivery.ts";
import { filterId } from "../../model/filter.ts";
import type { Log } from "../../model/log.ts";
import type { FilterRecord } from "../filter/record.ts";
import { type Bisection, createBisection, soleChange } from "./bisect.ts";
import type { FleetIndex } from "./index.ts";
import { filtersConcerned } from "./proxy-changes.ts";
import { createSlotNotices } from "./slot-notices.ts";

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
  /** A filter has to look at this proxy anew. */
  readonly touched: (filterId: string, proxyId: string) => void;
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
  const { fleet, index, clock, record } = options;
  const bisection = createBisection();
  const noticeSlots = createSlotNotices(options.log);
  /** Ids of the proxies that were seen to run something. */
  const holding = new Set<string>();
  const forgetting = new Map<string, () => void>();
  /** Every proxy as it was looked at last. */
  const seen = new Map<string, ProxyNode>();

  function recordsOf(proxyId: string): FilterRecord[] {
    return [...index.filtersOf(proxyId)].map(record).filter((known) => known !== undefined);
  }

  function changed(ids: Iterable<string>): void {
    const concerned = new Set<FilterRecord>();
    const due = new Set<string>();
    for (const id of ids) {
      const proxy = fleet.proxy(id);
      if (proxy === undefined) continue;
      for (const left of index.setProxy(proxy)) note(left, id, concerned);
      watchAbsence(proxy);
      noteRejections(proxy, concerned);
      if (bisection.observe(proxy) || proxy.connected) due.add(id);
      const records = recordsOf(id);
      noticeSlots(proxy, new Set(records.flatMap(({ filter }) => (filter === undefined ? [] : [filter.settings.slot]))));
      const news = filtersConcerned(seen.get(id), proxy);
      seen.set(id, proxy);
      for (const known of records) {
        if (news === undefined || news.has(known.id) || known.rollout.phase === "Progressing") note(known.id, id, concerned);
      }
    }
    options.due(due);
    options.concerned(concerned);
  }

  function note(filterId: string, proxyId: string, concerned: Set<FilterRecord>): void {
    options.touched(filterId, proxyId);
    const known = record(filterId);
    if (known !== undefined) concerned.add(known);
  }

  /** A proxy that ran something and holds nothing now is another process: what the old one rejected does not count for it. */
  function forgiveNewProcess(proxy: ProxyNode): void {
    const runs = [...proxy.slots.values()].some(({ running }) => running !== undefined);
    if (runs) holding.add(proxy.id);
    else if (proxy.connected && holding.delete(proxy.id)) {
      for (const known of recordsOf(proxy.id)) {
        known.forgive(proxy.id);
        options.touched(known.id, proxy.id);
      }
    }
  }

  /** Adds to `concerned` whose rejections changed. */
  function noteRejections(proxy: ProxyNode, concerned: Set<FilterRecord>): void {
    forgiveNewProcess(proxy);
    for (const { rejection, running } of proxy.slots.values()) {
      for (const entry of running ?? []) {
        const known = record(filterId(entry.filter));
        if (rejection !== undefined || known?.rejections.get(proxy.id)?.hash !== entry.hash) continue;
        known.forgive(proxy.id);
        note(known.id, proxy.id, concerned);
      }
      if (rejection === undefined) continue;
      const culprit = rejection.culprit ?? soleChange(rejection.filters, running);
      if (culprit === undefined) continue;
      const known = record(filterId(culprit.filter));
      if (known === undefined || known.rejections.get(proxy.id)?.hash === culprit.hash) continue;
      known.reject(proxy.id, { hash: culprit.hash, message: rejection.message, at: rejection.at });
      note(known.id, proxy.id, concerned);
    }
  }

  function watchAbsence(proxy: ProxyNode): void {
    if (proxy.connected) {
      forgetting.get(proxy.id)?.();
      forgetting.delete(proxy.id);
    } else if (!forgetting.has(proxy.id)) {
      forgetting.set(
        proxy.id,
        clock.after(options.forgetProxyMs, () => forget(proxy.id)),
      );
    }
  }

  function forget(id: string): void {
    forgetting.delete(id);
    const concerned = recordsOf(id);
    fleet.forget(id);
    index.removeProxy(id);
    bisection.forget(id);
    holding.delete(id);
    seen.delete(id);
    for (const known of concerned) {
      known.forgive(id);
      options.touched(known.id, id);
    }
    options.concerned(new Set(concerned));
  }

  return {
    changed,
    withheld: bisection.withheld,
    stop() {
      for (const cancel of forgetting.values()) cancel();
      forgetting.clear();
    },
  };
}
