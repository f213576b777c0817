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

/** What one replica says of a proxy. */
interface Word {
  readonly replica: string;
  readonly node: ProxyNode;
}

interface Known extends Word {
  readonly health: ProxyHealth | undefined;
  /** Its hang is known from where it was before, and is over with the first counters that it reports where it is. */
  readonly carriesHang: boolean;
  /** Who says that it has the proxy too, by whose times it came there earlier. It says so once: its word counts as soon as this one's does not. */
  readonly other?: Word | undefined;
}

/** Of one proxy as two replicas have it: where it is connected counts, and where it came last. */
export function isBetter(a: ProxyNode, b: ProxyNode): boolean {
  return a.connected === b.connected ? a.since > b.since : a.connected;
}

/** `hearsCounters`: whether counters are reported to this server too, which they are to who decides. */
export function createReportedFleet(hearsCounters: () => boolean): ReportedFleet {
  return new Reports(hearsCounters);
}

class Reports implements ReportedFleet {
  private readonly hearsCounters: () => boolean;
  private readonly known = new Map<string, Known>();
  private readonly changes = new Notifier<string>();

  constructor(hearsCounters: () => boolean) {
    this.hearsCounters = hearsCounters;
  }

  take(replica: string, { proxies, gone, health }: Reported, now: number): void {
    for (const node of proxies) this.put(replica, node);
    for (const key of gone) {
      this.withdraw(key, replica);
      if (this.replicaOf(key) === replica) this.lose(key, now, false);
    }
    for (const [key, one] of health) {
      const known = this.known.get(key);
      if (known?.replica === replica) this.heard(known, one);
    }
  }

  lost(now: number, replica: string): void {
    for (const key of this.known.keys()) {
      this.withdraw(key, replica);
      if (this.replicaOf(key) === replica) this.lose(key, now, true);
    }
  }

  replicaOf(key: string): string | undefined {
    return this.known.get(key)?.replica;
  }

  isHeard(key: string): boolean {
    return this.known.get(key)?.health !== undefined || !this.hearsCounters();
  }

  amend(node: ProxyNode): void {
    const known = this.known.get(node.key);
    if (known === undefined) return;
    const carriesHang = node.hungSince !== undefined && (known.carriesHang || known.node.hungSince === undefined);
    this.known.set(node.key, { ...known, node, carriesHang });
  }

  drop(key: string): void {
    this.known.delete(key);
  }

  forget(key: string): void {
    if (this.proxy(key)?.connected === false) this.known.delete(key);
  }

  *proxies(): Iterable<ProxyNode> {
    for (const { node } of this.known.values()) yield node;
  }

  proxy(key: string): ProxyNode | undefined {
    return this.known.get(key)?.node;
  }

  health(key: string): ProxyHealth | undefined {
    return this.known.get(key)?.health;
  }

  onChange(listener: (keys: ReadonlySet<string>) => void): () => void {
    return this.changes.listen(listener);
  }

  /** What is said by who lost a proxy counts for nothing where another has it. */
  private put(replica: string, node: ProxyNode): void {
    const { key } = node;
    const known = this.known.get(key);
    const isElsewhere = known !== undefined && known.replica !== replica;
    if (isElsewhere && isBetter(known.node, node)) {
      if (node.connected) this.known.set(key, { ...known, other: { replica, node } });
      else this.withdraw(key, replica);
      return;
    }
    const health = isElsewhere ? undefined : known?.health;
    const seen = known === undefined ? node : asOneServerSees(node, known.node, health !== undefined || !this.hearsCounters());
    const other = known?.other?.replica === replica ? undefined : known?.other;
    const carriesHang = seen.hungSince !== undefined && node.hungSince === undefined;
    this.known.set(key, { replica, node: seen, health, other, carriesHang });
    this.changes.note(key);
    this.prefer(key);
  }

  private heard(known: Known, health: ProxyHealth): void {
    const { key } = known.node;
    if (!known.carriesHang) return void this.known.set(key, { ...known, health });
    this.known.set(key, { ...known, health, node: { ...known.node, hungSince: undefined }, carriesHang: false });
    this.changes.note(key);
  }

  /** `isUnheard`: with its replica. */
  private lose(key: string, now: number, isUnheard: boolean): void {
    const known = this.known.get(key);
    if (known?.node.connected !== true) return;
    this.known.set(key, { ...known, node: { ...known.node, connected: false, since: now, isUnheard } });
    this.changes.note(key);
    this.prefer(key);
  }

  /** Clocks, and how long a greeting was under way, may have the times of two replicas in the wrong order. Where the proxy is connected counts before them. */
  private prefer(key: string): void {
    const known = this.known.get(key);
    if (known?.other !== undefined && isBetter(known.other.node, known.node)) this.put(known.other.replica, known.other.node);
  }

  /** The replica does not say any longer that it has the proxy too. */
  private withdraw(key: string, replica: string): void {
    const known = this.known.get(key);
    if (known?.other?.replica === replica) this.known.set(key, { ...known, other: undefined });
  }
}
