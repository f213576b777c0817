import type { FleetView, ProxyHealth, ProxyNode } from "../../model/delivery.ts";
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
  const unlisten = fleet.onChange((keys) => {
    for (const key of keys) changed.add(key);
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
        if (proxy !== undefined) proxies.push(proxy);
        else {
          gone.push(key);
          told.delete(key);
        }
      }
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
