import { Notifier } from "../../base/notifier.ts";
import type { FleetView, ProxyHealth, ProxyNode } from "../../model/delivery.ts";
import { asOneServerSees } from "./moved.ts";
import type { Reported } from "./report.ts";

/** The proxies of other replicas, as those report them. One that a replica was lost with counts as lost since then, until another reports it or it is forgotten. */
export interface ReportedFleet extends FleetView {
  /** `replica`: who reports. */
  take(replica: string, report: Reported, now: number): void;
  /** The replica reports no more. `now`: milliseconds since the epoch. */
  lost(now: number, replica: string): void;
  /** Which replica serves the proxy. */
  replicaOf(key: string): string | undefined;
  /** No effect on one that is connected. */
  forget(key: string): void;
  /** False while it may yet report counters for the first time where it is. */
  isHeard(key: string): boolean;
  /** What is known of it is this, whoever reports it. */
  amend(node: ProxyNode): void;
  /** It is this server's own by now, and what others say of it says nothing more. */
  drop(key: string): void;
}

interface Known {
  readonly replica: string;
  readonly node: ProxyNode;
  readonly health: ProxyHealth | undefined;
}

/** Of one proxy as two replicas have it: where it is connected counts, and where it came last. */
export function isBetter(a: ProxyNode, b: ProxyNode): boolean {
  return a.connected === b.connected ? a.since > b.since : a.connected;
}

/** `hearsCounters`: whether counters are reported to this server too, which they are to who decides. */
export function createReportedFleet(hearsCounters: () => boolean): ReportedFleet {
  const proxies = new Map<string, Known>();
  const changes = new Notifier<string>();

  /** What is said by who lost a proxy counts for nothing where another has it. */
  function put(replica: string, node: ProxyNode): void {
    const known = proxies.get(node.key);
    const isElsewhere = known !== undefined && known.replica !== replica;
    if (isElsewhere && isBetter(known.node, node)) return;
    const health = isElsewhere ? undefined : known?.health;
    const seen = known === undefined ? node : asOneServerSees(node, known.node, health !== undefined || !hearsCounters());
    proxies.set(node.key, { replica, node: seen, health });
    changes.note(node.key);
  }

  /** `isUnheard`: with its replica. */
  function lose(key: string, now: number, isUnheard: boolean): void {
    const known = proxies.get(key);
    if (known?.node.connected !== true) return;
    proxies.set(key, { ...known, node: { ...known.node, connected: false, since: now, isUnheard } });
    changes.note(key);
  }

  return {
    take(replica, { proxies: reported, gone, health }, now) {
      for (const node of reported) put(replica, node);
      for (const key of gone) if (proxies.get(key)?.replica === replica) lose(key, now, false);
      for (const [key, one] of health) {
        const known = proxies.get(key);
        if (known?.replica === replica) proxies.set(key, { ...known, health: one });
      }
    },
    lost(now, replica) {
      for (const [key, known] of proxies) if (known.replica === replica) lose(key, now, true);
    },
    replicaOf: (key) => proxies.get(key)?.replica,
    isHeard: (key) => proxies.get(key)?.health !== undefined || !hearsCounters(),
    amend(node) {
      const known = proxies.get(node.key);
      if (known !== undefined) proxies.set(node.key, { ...known, node });
    },
    drop: (key) => void proxies.delete(key),
    forget: (key) => void (proxies.get(key)?.node.connected === false && proxies.delete(key)),
    *proxies() {
      for (const { node } of proxies.values()) yield node;
    },
    proxy: (key) => proxies.get(key)?.node,
    health: (key) => proxies.get(key)?.health,
    onChange: (listener) => changes.listen(listener),
  };
}
