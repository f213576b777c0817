import { setBounded } from "../../base/bounded-map.ts";
import type { Fleet, FleetView, ProxyNode } from "../../model/delivery.ts";
import { asOneServerSees, isReadWhole } from "./moved.ts";
import { isBetter, type ReportedFleet } from "./reported.ts";

export interface JoinedFleet extends Fleet {
  /** True for a proxy of the server's own that did not move to another replica. */
  isOwn(key: string): boolean;
}

/** More proxies than one server has. */
const MOST_ENDS = 100_000;

/** One fleet of a server's own proxies and those that other replicas report. A proxy that moved is one proxy: where it is connected counts, and where it came last. */
export function joinFleets(own: Fleet, reported: ReportedFleet): JoinedFleet {
  return new Joined(own, reported);
}

class Joined implements JoinedFleet {
  private readonly own: Fleet;
  private readonly reported: ReportedFleet;
  /** Proxy that came from another replica -> when its process had ended there. */
  private readonly ends = new Map<string, number>();

  constructor(own: Fleet, reported: ReportedFleet) {
    this.own = own;
    this.reported = reported;
    const settle = (keys: ReadonlySet<string>) => {
      for (const key of keys) this.settle(key);
    };
    own.onChange(settle);
    reported.onChange(settle);
  }

  *proxies(): Iterable<ProxyNode> {
    for (const { key } of this.own.proxies()) {
      const proxy = this.proxy(key);
      if (proxy !== undefined) yield proxy;
    }
    for (const proxy of this.reported.proxies()) if (this.own.proxy(proxy.key) === undefined) yield proxy;
  }

  proxy(key: string): ProxyNode | undefined {
    const [here, there] = [this.own.proxy(key), this.reported.proxy(key)];
    if (here === undefined) return there;
    const node = here.endedAt === undefined && this.ends.has(key) ? { ...here, endedAt: this.ends.get(key) } : here;
    if (there === undefined) return node;
    const [view, now, before] = isBetter(there, here) ? [this.reported, there, node] : [this.own, node, there];
    return asOneServerSees(now, before, view.health(key) !== undefined);
  }

  health(key: string) {
    return this.viewOf(key).health(key);
  }

  onChange(listener: (keys: ReadonlySet<string>) => void): () => void {
    const ends = [this.own.onChange(listener), this.reported.onChange(listener)];
    return () => {
      for (const end of ends) end();
    };
  }

  assign: Fleet["assign"] = (key, slots) => this.own.assign(key, slots);

  forget(key: string): void {
    this.own.forget(key);
    this.reported.forget(key);
    if (this.own.proxy(key) === undefined) this.ends.delete(key);
  }

  onMissing: Fleet["onMissing"] = (listener) => this.own.onMissing(listener);

  isOwn(key: string): boolean {
    return this.own.proxy(key) !== undefined && this.viewOf(key) === this.own;
  }

  /** The view that knows the proxy best. */
  private viewOf(key: string): FleetView {
    const [here, there] = [this.own.proxy(key), this.reported.proxy(key)];
    return there === undefined || (here !== undefined && !isBetter(there, here)) ? this.own : this.reported;
  }

  /** Where all that a proxy says is known where it is now, nothing that was known where it was counts any longer, but when its process ended. */
  private settle(key: string): void {
    const [here, there] = [this.own.proxy(key), this.reported.proxy(key)];
    if (here === undefined || there === undefined) return;
    if (isBetter(there, here)) {
      if (isReadWhole(there)) this.own.forget(key);
    } else if (isReadWhole(here)) {
      const { endedAt } = asOneServerSees(here, there, true);
      if (endedAt !== undefined) setBounded(this.ends, key, endedAt, MOST_ENDS);
      this.reported.drop(key);
    }
  }
}
