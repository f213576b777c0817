import type { Fleet, FleetView } from "../../model/delivery.ts";
import { isBetter, type ReportedFleet } from "./reported.ts";

export interface JoinedFleet extends Fleet {
  /** True for a proxy of the server's own that did not move to another replica. */
  isOwn(key: string): boolean;
}

/** One fleet of a server's own proxies and those that other replicas report. A proxy that moved is one proxy: where it is connected counts, and where it came last. */
export function joinFleets(own: Fleet, reported: ReportedFleet): JoinedFleet {
  /** The view that knows the proxy best. */
  function viewOf(key: string): FleetView {
    const [here, there] = [own.proxy(key), reported.proxy(key)];
    if (there === undefined || (here !== undefined && !isBetter(there, here))) return own;
    return reported;
  }

  return {
    *proxies() {
      for (const proxy of own.proxies()) yield viewOf(proxy.key).proxy(proxy.key) ?? proxy;
      for (const proxy of reported.proxies()) if (own.proxy(proxy.key) === undefined) yield proxy;
    },
    proxy: (key) => viewOf(key).proxy(key),
    health: (key) => viewOf(key).health(key),
    onChange(listener) {
      const ends = [own.onChange(listener), reported.onChange(listener)];
      return () => {
        for (const end of ends) end();
      };
    },
    assign: (key, slots) => own.assign(key, slots),
    forget(key) {
      own.forget(key);
      reported.forget(key);
    },
    onMissing: (listener) => own.onMissing(listener),
    isOwn: (key) => own.proxy(key) !== undefined && viewOf(key) === own,
  };
}
