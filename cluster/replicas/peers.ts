import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../../model/clock.ts";
import type { Fleet, FleetView } from "../../model/delivery.ts";
import type { Vouched, Vouching } from "../../model/identity.ts";
import type { HeardLeadership, Leadership } from "../../model/leadership.ts";
import type { Log } from "../../model/log.ts";
import type { StoreSource } from "../../model/module.ts";
import type { Member, Peers, Told, Withdrawal } from "../../model/replicas.ts";
import type { Withdrawal as WithdrawalMessage } from "../gen/weir/v1/replicas.ts";
import { type ContentClient, createContentClient } from "./content-client.ts";
import { type ContentService, createContentService } from "./content-service.ts";
import type { Dial } from "./dial.ts";
import { type JoinedFleet, joinFleets } from "./joined-fleet.ts";
import { createLinks, type Links, type PeerCounts } from "./links.ts";
import { decodeReport } from "./report.ts";
import { createReportedFleet, type ReportedFleet } from "./reported.ts";
import { createService, type Said, type Service } from "./service.ts";
import { decodeVouched, encodeVouched } from "./vouched.ts";

export interface PeersOptions {
  /** Of this process; no other ever has the same. */
  readonly id: string;
  /** Of Weir. */
  readonly version: string;
  /** See `replicaUri`. */
  readonly uri: string;
  /** The server's own proxies. */
  readonly own: Fleet;
  readonly leadership: Leadership;
  readonly dial: Dial;
  /** Where replicas may be, this one among them. `undefined`: it cannot be told now. */
  readonly addresses: () => Promise<ReadonlySet<string> | undefined>;
  readonly clock: Clock;
  /** Milliseconds by a clock that nobody sets. */
  readonly steady: () => number;
  readonly log: Log;
  /** Modules of this server's own store. */
  readonly modules: Pick<StoreSource, "read">;
  /** Who the server's clients are. `undefined`: nobody is asked. */
  readonly vouching?: Vouching | undefined;
}

/** One of several replicas: what it says to the others, and what it knows through them. */
export interface ReplicaPeers extends Peers {
  /** The proxies of all replicas; their counters while this server decides, else those of its own. */
  readonly fleet: Fleet;
  /** Who decides, and whether this server hears of it. */
  readonly leadership: HeardLeadership;
  /** What peers call. */
  readonly service: Service;
  readonly contentService: ContentService;
  /** Modules that other replicas have. */
  readonly modules: StoreSource;
  /** This server's proxies, without those that moved to another replica: each proxy is of one. */
  readonly own: Pick<FleetView, "proxies">;
  /** Of the replicas beside this one. */
  counts(): PeerCounts;
  /** True when the fleet has the proxies of every replica. */
  hearsAll(): boolean;
  start(): void;
  stop(): void;
}

/** From a change of a proxy to the report of it: what changes meanwhile is in the same report. */
const REPORT_MS = 100;
const TICK_MS = 1_000;
/** Overrides that are kept: of more proxies than a server has. */
const MOST_WITHHELD = 100_000;

export function createPeers(options: PeersOptions): ReplicaPeers {
  return new JoinedPeers(options);
}

class JoinedPeers implements ReplicaPeers {
  readonly fleet: JoinedFleet;
  readonly leadership: HeardLeadership;
  readonly service: Service;
  readonly contentService: ContentService;
  readonly modules: StoreSource;
  readonly own: Pick<FleetView, "proxies">;
  private readonly contents: ContentClient;
  private readonly options: PeersOptions;
  private readonly reported: ReportedFleet;
  private readonly links: Links;
  /** Peers of an earlier version: they report to who decides alone. */
  private readonly earlier = new Set<string>();
  private member: Member | undefined;
  private readonly withheldHere = new Map<string, ReadonlySet<string>>();
  /** What was told last of proxies of others: who serves it, and the hashes, in order. */
  private readonly withheldThere = new Map<string, { readonly replica: string; readonly withheld: readonly string[] }>();
  /** Since the member was told last that who decides is heard, somebody asked and was told that nobody is. */
  private wasUnheard = false;
  private cancels: (() => void)[] = [];
  private cancelReport: (() => void) | undefined;
  /** What is new of who clients are, since the last report. */
  private vouched: Vouched[] = [];

  constructor(options: PeersOptions) {
    const { id, version, uri, own, leadership, dial, clock, steady, log, modules, vouching } = options;
    this.options = options;
    this.reported = createReportedFleet(() => leadership.isLeading());
    this.fleet = joinFleets(own, this.reported);
    this.own = { proxies: () => Iterator.from(own.proxies()).filter(({ key }) => this.fleet.isOwn(key)) };
    this.leadership = {
      isLeading: () => leadership.isLeading(),
      isHeard: () => {
        const isHeard = leadership.isLeading() || this.links.hearsLeader();
        this.wasUnheard ||= !isHeard;
        return isHeard;
      },
      onChange: (listener) => leadership.onChange(listener),
    };
    this.service = createService({
      ...{ id, version, uri, now: clock.now, isLeading: leadership.isLeading.bind(leadership) },
      said: (replica, said, offsetMs) => this.said(replica, said, offsetMs),
      left: (replica) => this.left(replica),
      reportsToLeaderAlone: (replica) => void this.earlier.add(replica),
    });
    this.links = createLinks({
      ...{ id, version, dial, own, clock, steady, log },
      withdrawals: () => this.member?.withdrawals() ?? [],
      vouched: () => encodeVouched(vouching?.all() ?? { tokens: [], pods: [] }),
      overridden: (proxyKey, hashes) => this.overridden(proxyKey, hashes),
      led: () => this.freeOwn(),
    });
    const text = (filter: string, hash: string) => this.member?.text(filter, hash);
    this.contentService = createContentService({ uri, contents: { modules, text }, clock });
    this.contents = createContentClient({ dial, reached: () => this.links.reached(), clock, log });
    this.modules = { read: (wasmDigest, signal) => this.contents.module(wasmDigest, signal) };
  }

  join(member: Member): () => void {
    this.member = member;
    return () => {
      this.member = undefined;
    };
  }

  withdraw(withdrawal: Withdrawal): void {
    this.links.withdraw(withdrawal);
  }

  tell(event: Told): void {
    this.links.tell(event);
  }

  withhold(proxyKey: string, hashes: ReadonlySet<string>): void {
    const replica = this.options.leadership.isLeading() ? this.reported.replicaOf(proxyKey) : undefined;
    if (replica === undefined || this.isOwn(proxyKey)) return;
    const withheld = [...hashes].sort();
    const told = { replica, withheld };
    const before = this.withheldThere.get(proxyKey);
    if (isDeepStrictEqual(before, told) || (before === undefined && withheld.length === 0)) return;
    const isTold = this.service.tell(replica, { $case: "overrides", overrides: { proxy: proxyKey, withheld } });
    if (withheld.length === 0 || !isTold) this.withheldThere.delete(proxyKey);
    else this.withheldThere.set(proxyKey, told);
  }

  withheld(proxyKey: string): ReadonlySet<string> | undefined {
    return this.withheldHere.get(proxyKey);
  }

  isOwn(proxyKey: string): boolean {
    return this.fleet.isOwn(proxyKey);
  }

  text: Peers["text"] = (...asked) => this.contents.text(...asked);

  counts(): PeerCounts {
    return this.links.counts();
  }

  hearsAll(): boolean {
    const { leadership } = this.options;
    return this.links.hearsAll() || (leadership.isLeading() && this.links.counts().away === 0);
  }

  start(): void {
    const { clock, leadership, own, vouching } = this.options;
    let cancel = () => {};
    const again = () => {
      this.tick();
      cancel = clock.after(TICK_MS, again);
    };
    this.cancels.push(
      () => cancel(),
      own.onChange(() => this.reportSoon()),
      leadership.onChange((isLeading) => this.roleChanged(isLeading)),
      vouching?.onVouched((vouched) => {
        this.vouched.push(vouched);
        this.reportSoon();
      }) ?? (() => {}),
    );
    again();
  }

  stop(): void {
    for (const cancel of this.cancels) cancel();
    this.cancels = [];
    this.cancelReport?.();
    // What changed last is told too: it is what others go by.
    this.report();
    this.links.stop();
  }

  private reportSoon(): void {
    this.cancelReport ??= this.options.clock.after(REPORT_MS, () => {
      this.cancelReport = undefined;
      this.report();
    });
  }

  private report(): void {
    this.links.report();
    if (this.vouched.length === 0) return;
    const vouched = { tokens: this.vouched.flatMap(({ tokens }) => tokens), pods: this.vouched.flatMap(({ pods }) => pods) };
    this.vouched = [];
    this.links.vouch([...encodeVouched(vouched)]);
  }

  private tick(): void {
    const { addresses, log } = this.options;
    this.links.tick();
    this.service.beat();
    this.tellHeard();
    addresses().then(
      (found) => found !== undefined && this.cancels.length > 0 && this.links.reach(found),
      (error: unknown) => log.error("replicas could not be looked for", { error: String(error) }),
    );
  }

  /** Once a second, and not with the message that shows it: what else came meanwhile is read first, where this server had no turn for long. */
  private tellHeard(): void {
    if (!this.wasUnheard || !this.leadership.isHeard()) return;
    this.wasUnheard = false;
    this.member?.leaderHeard();
  }

  private roleChanged(isLeading: boolean): void {
    // Whoever reports counters to this server begins, or stops.
    this.service.beat();
    this.withheldThere.clear();
    if (isLeading) {
      this.freeOwn();
      this.member?.leads();
    } else for (const replica of this.earlier) this.reported.lost(this.options.clock.now(), replica);
  }

  /** What who decided before said of this server's proxies may be over. */
  private freeOwn(): void {
    for (const key of [...this.withheldHere.keys()]) this.overridden(key, []);
  }

  private said(replica: string, said: Said, offsetMs: number): void {
    if (said.$case === "withdrawal") {
      const withdrawal = readWithdrawal(said.withdrawal);
      if (withdrawal !== undefined) this.member?.withdrawn(withdrawal);
    } else if (said.$case === "event") {
      const { filter = "", warning = false, reason = "", message = "" } = said.event;
      this.member?.told({ filter, type: warning ? "Warning" : "Normal", reason, message });
    } else if (said.$case === "vouched") {
      this.options.vouching?.take(decodeVouched(said.vouched));
    } else {
      this.reported.take(replica, decodeReport(said.report, offsetMs), this.options.clock.now());
    }
  }

  private left(replica: string): void {
    this.earlier.delete(replica);
    this.reported.lost(this.options.clock.now(), replica);
    for (const [key, told] of this.withheldThere) if (told.replica === replica) this.withheldThere.delete(key);
  }

  private overridden(proxyKey: string, hashes: readonly string[]): void {
    this.withheldHere.delete(proxyKey);
    if (hashes.length > 0 && this.withheldHere.size < MOST_WITHHELD) this.withheldHere.set(proxyKey, new Set(hashes));
    this.member?.overridden(proxyKey);
  }
}

/** `startedAt` is a time of the record, which is the same for all: no clock is asked. */
function readWithdrawal(message: WithdrawalMessage): Withdrawal | undefined {
  const { filter = "", uid = "", target = 0, startedAt = 0, reason = "", message: text = "" } = message;
  return uid === "" || target === 0 ? undefined : { filter, uid, target, startedAt, reason, message: text };
}
