import type { FleetView, ProxyHealth, ProxyNode, SlotDelivery } from "../../model/delivery.ts";
import type { Reported } from "./report.ts";

/** What there is to report of a server's own proxies to who decides: what changed since the last time. */
export interface Reporter {
  /** What is new, at most so many proxies of it; `undefined`: nothing. */
  next(most: number): Reported | undefined;
  /** The same for the counters of those that reported them since the last time. */
  counters(): Reported | undefined;
  stop(): void;
}

/** Begins with all proxies. */
export function createReporter(fleet: FleetView): Reporter {
  const changed = new Set<string>(Array.from(fleet.proxies(), ({ key }) => key));
  const told = new Map<string, number>();
  /** What proxies rejected since they were reported last. It is gone from the fleet as soon as something else is desired, which is before the next report. */
  const rejected = new Map<string, readonly SlotDelivery[]>();
  const unlisten = fleet.onChange((keys) => {
    for (const key of keys) {
      changed.add(key);
      const slots = fleet
        .proxy(key)
        ?.slots.values()
        .filter(({ rejection }) => rejection !== undefined);
      const all = slots === undefined ? [] : [...slots];
      if (all.length > 0) rejected.set(key, all);
    }
  });
  return {
    next(most) {
      if (changed.size === 0) return undefined;
      const proxies: ProxyNode[] = [];
      const gone: string[] = [];
      for (const key of changed) {
        if (proxies.length >= most) break;
        changed.delete(key);
        const proxy = fleet.proxy(key);
        if (proxy !== undefined) proxies.push(withRejections(proxy, rejected.get(key) ?? []));
        else {
          gone.push(key);
          told.delete(key);
          rejected.delete(key);
        }
      }
      for (const { key } of proxies) rejected.delete(key);
      return { proxies, gone, health: new Map() };
    },
    counters() {
      const health = new Map<string, ProxyHealth>();
      for (const { key } of fleet.proxies()) {
        const now = fleet.health(key);
        if (now === undefined || told.get(key) === now.at) continue;
        told.set(key, now.at);
        health.set(key, now);
      }
      return health.size === 0 ? undefined : { proxies: [], gone: [], health };
    },
    stop: unlisten,
  };
}

/** The proxy with what it rejected meanwhile, unless it runs that by now. */
function withRejections(proxy: ProxyNode, rejected: readonly SlotDelivery[]): ProxyNode {
  if (rejected.length === 0) return proxy;
  const slots = new Map(proxy.slots);
  for (const { slot, rejection } of rejected) {
    const now = slots.get(slot);
    if (now === undefined || now.rejection !== undefined || rejection === undefined) continue;
    const runs = now.running?.some(({ hash }) => hash === rejection.culprit?.hash) === true;
    if (!runs) slots.set(slot, { ...now, rejection });
  }
  return { ...proxy, slots };
}
