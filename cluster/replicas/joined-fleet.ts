import { setBounded } from "../../base/bounded-map.ts";
import type { Fleet, FleetView, ProxyNode } from "../../model/delivery.ts";
import { asOneServerSees, isReadWhole } from "./moved.ts";
import { isBetter, type ReportedFleet } from "./reported.ts";

export interface JoinedFleet extends Fleet {
  /** True for a proxy of the server's own that did not move to another replica. */
  isOwn(key: string): boolean;
}

/** More proxies than one server has. */
const MOST_CARRIED = 100_000;

/** What another replica knew of a proxy's process. */
type Carried = Pick<ProxyNode, "endedAt" | "hungSince">;

/** One fleet of a server's own proxies and those that other replicas report. A proxy that moved is one proxy: where it is connected counts, and where it came last. */
export function joinFleets(own: Fleet, reported: ReportedFleet): JoinedFleet {
  return new Joined(own, reported);
}

class Joined implements JoinedFleet {
  private readonly own: Fleet;
  private readonly reported: ReportedFleet;
  /** By the proxies that came from another replica. */
  private readonly carried = new Map<string, Carried>();

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
    const node = this.withCarried(here);
    if (there === undefined) return node;
    const [view, now, before] = isBetter(there, here) ? [this.reported, there, node] : [this.own, node, there];
    return asOneServerSees(now, before, view === this.own ? this.isHeard(here) : this.reported.isHeard(key));
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
    if (this.own.proxy(key) === undefined) this.carried.delete(key);
  }

  onMissing: Fleet["onMissing"] = (listener) => this.own.onMissing(listener);

  isOwn(key: string): boolean {
    // Asked for each proxy of a rollout.
    const here = this.own.proxy(key);
    if (here === undefined) return false;
    const there = this.reported.proxy(key);
    return there === undefined || !isBetter(there, here);
  }

  /** The view that knows the proxy best. */
  private viewOf(key: string): FleetView {
    return this.reported.proxy(key) === undefined || this.isOwn(key) ? this.own : this.reported;
  }

  /** Where all that a proxy says is known where it is now, nothing that was known where it was counts any longer, but when its process ended. */
  private settle(key: string): void {
    const [here, there] = [this.own.proxy(key), this.reported.proxy(key)];
    if (here === undefined || there === undefined) return;
    if (isBetter(there, here)) {
      if (!isReadWhole(there)) return;
      this.reported.amend(asOneServerSees(there, this.withCarried(here), this.reported.isHeard(key)));
      this.own.forget(key);
      this.carried.delete(key);
    } else if (isReadWhole(here)) {
      const { endedAt, hungSince } = asOneServerSees(here, there, this.isHeard(here));
      if (endedAt !== undefined || hungSince !== undefined) setBounded(this.carried, key, { endedAt, hungSince }, MOST_CARRIED);
      this.reported.drop(key);
    }
  }

  private withCarried(here: ProxyNode): ProxyNode {
    const carried = this.carried.get(here.key);
    if (carried === undefined) return here;
    const hungSince = here.hungSince ?? (this.isHeard(here) ? undefined : carried.hungSince);
    return { ...here, hungSince, endedAt: here.endedAt ?? carried.endedAt };
  }

  /** Whether it reported counters since it came here. */
  private isHeard({ key, since }: ProxyNode): boolean {
    return (this.own.health(key)?.at ?? Number.NEGATIVE_INFINITY) >= since;
  }
}
