/** A moment by two clocks, in milliseconds: one that nobody sets but that may stand still while the machine sleeps, and the time of day. */
export interface Moment {
  readonly steady: number;
  readonly wall: number;
}

/** A Lease as far as an election needs it. https://kubernetes.io/docs/concepts/architecture/leases/ */
export interface LeaseRecord {
  /** Empty: nobody holds it. */
  readonly holder: string;
  /** How long its holder may go without renewing it, in milliseconds. */
  readonly durationMs: number;
  /** How often it went from one holder to another. */
  readonly transitions: number;
  /** metadata.resourceVersion: what is written replaces this state and no other. */
  readonly version: string;
}

export interface ElectionTimes {
  /** A candidate takes the lease when it saw it unchanged for so long. */
  readonly leaseMs: number;
  /** The leader decides for so long after it sent the last renewal that was taken. What is between the two is for clocks that run at different rates. */
  readonly decideMs: number;
}

/** Those of client-go: https://pkg.go.dev/k8s.io/client-go/tools/leaderelection. A clock may run half as fast as another. */
export const ELECTION_TIMES: ElectionTimes = { leaseMs: 15_000, decideMs: 10_000 };

/** What to do next: look at the lease, make it, or write it in the place of `replaces`. */
export type ElectionStep =
  | { readonly kind: "look" }
  | { readonly kind: "make" }
  | { readonly kind: "take" | "renew"; readonly replaces: LeaseRecord; readonly transitions: number };

/**
 * Who of several decides. Pure: it is told what the API server said and when, by this machine's clock alone. Two never lead at once: a candidate counts from
 * the moment at which it heard of the lease's last state, the leader from that at which it sent it, which was earlier; and the API server takes what replaces the
 * last state only.
 */
export class Election {
  private readonly id: string;
  private readonly times: ElectionTimes;
  private predecessor: string | undefined;
  private seen: { readonly lease: LeaseRecord | undefined; readonly since: number } | undefined;
  private held: Moment | undefined;
  private isStale = false;
  private isOver = false;

  /** `id`: of this process; no other ever has the same. */
  constructor(id: string, times: ElectionTimes = ELECTION_TIMES) {
    this.id = id;
    this.times = times;
  }

  /** The process with this id has ended: a lease that it holds is free. */
  succeed(predecessor: string): void {
    this.predecessor = predecessor;
  }

  /** The API server answered with this state of the lease (`undefined`: there is none) at that moment. */
  saw(lease: LeaseRecord | undefined, { steady }: Moment): void {
    this.isStale = false;
    if (this.seen !== undefined && this.seen.lease?.version === lease?.version) return;
    this.seen = { lease, since: steady };
  }

  /** The API server took what `next` asked for: this is the lease now. `sent`: before it was sent. */
  took(lease: LeaseRecord, sent: Moment, answered: Moment): void {
    this.saw(lease, answered);
    this.held = sent;
  }

  /** The API server refused what `next` asked for, since somebody wrote the lease meanwhile; or gave no answer, and may have done it. */
  refused(): void {
    this.isStale = true;
  }

  /** True when it is not known how the lease is: what `next` asked for was not taken, or may have been. */
  get isUnsure(): boolean {
    return this.isStale;
  }

  /** This process never leads again, whatever is answered to what it asked for. */
  resign(): void {
    this.isOver = true;
  }

  next({ steady }: Moment): ElectionStep {
    if (this.seen === undefined || this.isStale) return { kind: "look" };
    const { lease, since } = this.seen;
    if (lease === undefined) return { kind: "make" };
    if (lease.holder === this.id) return { kind: "renew", replaces: lease, transitions: lease.transitions };
    const isFree =
      lease.holder === "" || lease.holder === this.predecessor || steady - since >= Math.max(this.times.leaseMs, lease.durationMs);
    return isFree ? { kind: "take", replaces: lease, transitions: lease.transitions + 1 } : { kind: "look" };
  }

  isLeading(now: Moment): boolean {
    return this.leadsForMs(now) > 0;
  }

  /** How long it leads if nothing is renewed, in milliseconds; 0: it does not. */
  leadsForMs(now: Moment): number {
    const { held, seen } = this;
    if (this.isOver || held === undefined || seen?.lease?.holder !== this.id) return 0;
    // A machine that slept has a steady clock that stood still; one whose time was set has a wrong time of day. Whichever says more counts.
    const passed = Math.max(now.steady - held.steady, now.wall - held.wall);
    return Math.max(0, this.times.decideMs - passed);
  }

  /** Who holds the lease, as it was seen last; empty: nobody, or it is not known. */
  get holder(): string {
    return this.seen?.lease?.holder ?? "";
  }
}
