import type { Clock } from "../../model/clock.ts";
import type { FleetView } from "../../model/delivery.ts";
import type { Log } from "../../model/log.ts";
import type { Told, Withdrawal } from "../../model/replicas.ts";
import { FromCaller, type Hello, ToCaller } from "../gen/weir/v1/replicas.ts";
import { decoded } from "./decode.ts";
import type { Dial, DialedCall } from "./dial.ts";
import { type Reported, reportMessages } from "./report.ts";
import { createReporter, type Reporter } from "./reporter.ts";
import { JOIN } from "./service.ts";

export interface LinksDeps {
  /** Of this process. */
  readonly id: string;
  /** Of Weir. */
  readonly version: string;
  readonly dial: Dial;
  /** The server's own proxies. */
  readonly own: FleetView;
  readonly clock: Pick<Clock, "now">;
  /** Milliseconds by a clock that nobody sets. */
  readonly steady: () => number;
  readonly log: Log;
  readonly withdrawals: () => Iterable<Withdrawal>;
  /** What is known of who clients are, as messages. */
  readonly vouched: () => Iterator<Uint8Array, undefined>;
  readonly overridden: (proxyKey: string, hashes: readonly string[]) => void;
  /** A peer begins to say what proxies must wait for: what was said before may be over. */
  readonly led: () => void;
}

/** How many other replicas answer, and how many addresses do not. */
export interface PeerCounts {
  readonly reached: number;
  readonly away: number;
}

/** The calls to peers: what this server has to say to them, and what they answer. */
export interface Links {
  /** Calls those of these addresses (`host:port`) that are not called yet, and ends the calls to others. */
  reach(addresses: ReadonlySet<string>): void;
  withdraw(withdrawal: Withdrawal): void;
  tell(event: Told): void;
  /** Tells every peer what is new of who clients are. */
  vouch(messages: readonly Uint8Array[]): void;
  /** Reports what changed of the server's own proxies to every peer. */
  report(): void;
  /** To be called once a second: reports counters to who decides, and ends calls that went silent. */
  tick(): void;
  /** True while a peer says that it decides. */
  hearsLeader(): boolean;
  counts(): PeerCounts;
  /** True when every other replica answers, and none reports its proxies to who decides alone. */
  hearsAll(): boolean;
  /** Addresses of the peers that answer; that of who decides first. */
  reached(): readonly string[];
  stop(): void;
}

/** A peer tells each second whether it decides; one that says nothing for so long is not heard. */
const SILENT_MS = 5_000;
/** A call ends after so many seconds of silence in which this server itself had its turns: what came while it had none is not read yet. */
const SILENT_TICKS = SILENT_MS / 1_000;
/** Proxies in one message. */
const AT_ONCE = 200;

interface LinkHandler {
  message(link: Link, bytes: Uint8Array): void;
  drained(link: Link): void;
  closed(link: Link, why: string): void;
}

class Link {
  readonly call: DialedCall;
  heardAt: number;
  /** Ticks since then. */
  silentTicks = 0;
  leads = false;
  isGreeted = false;
  /** Whether it keeps what is reported while it does not decide. Earlier versions do not. */
  keepsReports = false;
  isFull = false;
  reporter: Reporter | undefined;
  /** What was known of who clients are when the call began, as far as it is not said yet. */
  backlog: Iterator<Uint8Array, undefined> | undefined;
  /** What became known since, where there was no room for it. */
  private readonly waiting: Uint8Array[] = [];

  constructor(dial: Dial, address: string, now: number, handler: LinkHandler) {
    this.heardAt = now;
    this.call = dial(address, JOIN, {
      message: (bytes) => handler.message(this, bytes),
      drained: () => {
        this.isFull = false;
        handler.drained(this);
      },
      closed: (why) => handler.closed(this, why),
    });
  }

  say(said: FromCaller["said"]): void {
    this.write(FromCaller.encode({ said }).finish());
  }

  sayReport(report: Reported | undefined): boolean {
    if (report === undefined) return false;
    for (const bytes of reportMessages(report)) this.write(bytes);
    return true;
  }

  vouch(messages: readonly Uint8Array[]): void {
    this.waiting.push(...messages);
  }

  /** Says what changed and what waits, as much as it takes now. */
  report(): void {
    while (!this.isFull && this.sayReport(this.reporter?.next(AT_ONCE)));
    while (!this.isFull && this.sayNext());
  }

  private sayNext(): boolean {
    const bytes = this.backlog?.next().value ?? this.waiting.shift();
    if (bytes === undefined) return false;
    this.write(bytes);
    return true;
  }

  private write(bytes: Uint8Array): void {
    if (!this.call.write(bytes)) this.isFull = true;
  }
}

export function createLinks(deps: LinksDeps): Links {
  return new CallingLinks(deps);
}

class CallingLinks implements Links {
  private readonly deps: LinksDeps;
  private readonly links = new Map<string, Link>();
  /** Addresses at which this process itself answered. */
  private readonly selves = new Set<string>();
  /** Where replicas may be, as `reach` was told last. */
  private addresses: ReadonlySet<string> = new Set();
  /** Why a peer could not be called, as it was told last. */
  private readonly told = new Map<string, string>();

  constructor(deps: LinksDeps) {
    this.deps = deps;
  }

  reach(addresses: ReadonlySet<string>): void {
    const { dial, steady, id, clock, version } = this.deps;
    this.addresses = addresses;
    for (const [address, link] of this.links) if (!addresses.has(address)) link.call.end();
    for (const address of this.told.keys()) if (!addresses.has(address)) this.told.delete(address);
    for (const address of addresses) {
      if (this.links.has(address) || this.selves.has(address)) continue;
      const link = new Link(dial, address, steady(), {
        message: (from, bytes) => this.heard(address, from, bytes),
        drained: (from) => from.report(),
        closed: (from, why) => this.closed(address, from, why),
      });
      this.links.set(address, link);
      link.say({ $case: "hello", hello: { replica: id, now: clock.now(), version, keepsReports: true } });
    }
  }

  withdraw(withdrawal: Withdrawal): void {
    for (const link of this.links.values()) if (link.isGreeted) link.say({ $case: "withdrawal", withdrawal });
  }

  tell({ filter, type, reason, message }: Told): void {
    const event = { filter, warning: type === "Warning", reason, message };
    for (const link of this.links.values()) if (link.isGreeted && !link.isFull) link.say({ $case: "event", event });
  }

  vouch(messages: readonly Uint8Array[]): void {
    for (const link of this.links.values()) {
      if (!link.isGreeted) continue;
      link.vouch(messages);
      link.report();
    }
  }

  report(): void {
    for (const link of this.links.values()) link.report();
  }

  tick(): void {
    for (const link of this.links.values()) {
      link.silentTicks += 1;
      if (link.silentTicks > SILENT_TICKS) link.call.end();
      else if (link.leads && !link.isFull) link.sayReport(link.reporter?.counters());
    }
  }

  hearsLeader(): boolean {
    const now = this.deps.steady();
    // Asked for each place of each proxy.
    for (const { leads, heardAt } of this.links.values()) if (leads && now - heardAt < SILENT_MS) return true;
    return false;
  }

  counts(): PeerCounts {
    let [reached, away] = [0, 0];
    for (const address of this.addresses) {
      if (this.selves.has(address)) continue;
      if (this.links.get(address)?.isGreeted === true) reached++;
      else away++;
    }
    return { reached, away };
  }

  hearsAll(): boolean {
    const reports = (address: string) => {
      const link = this.links.get(address);
      return this.selves.has(address) || (link?.isGreeted === true && link.keepsReports);
    };
    return this.addresses.size > 0 && [...this.addresses].every(reports);
  }

  reached(): readonly string[] {
    const reached = [...this.links].filter(([, { isGreeted }]) => isGreeted);
    return reached.sort(([, a], [, b]) => Number(b.leads) - Number(a.leads)).map(([address]) => address);
  }

  stop(): void {
    for (const link of [...this.links.values()]) link.call.finish();
  }

  private heard(address: string, link: Link, bytes: Uint8Array): void {
    const said = decoded(ToCaller, bytes)?.said;
    link.heardAt = this.deps.steady();
    link.silentTicks = 0;
    if (said?.$case === "hello") this.greeted(address, link, said.hello);
    else if (said?.$case === "beat") this.beats(link, said.beat.leads === true);
    else if (said?.$case === "overrides") this.deps.overridden(said.overrides.proxy ?? "", said.overrides.withheld ?? []);
  }

  private greeted(address: string, link: Link, { replica = "", version = "", keepsReports = false }: Hello): void {
    const { id, log, withdrawals, vouched, own } = this.deps;
    this.told.delete(address);
    if (replica === id) {
      this.selves.add(address);
      link.call.end();
      return;
    }
    log.info("a replica is reached", { address, replica, version });
    Object.assign(link, { isGreeted: true, keepsReports });
    for (const withdrawal of withdrawals()) link.say({ $case: "withdrawal", withdrawal });
    if (keepsReports) link.reporter = createReporter(own);
    link.backlog = vouched();
    this.report();
  }

  private beats(link: Link, leads: boolean): void {
    if (leads && !link.leads) this.deps.led();
    link.leads = leads;
    if (link.keepsReports || leads === (link.reporter !== undefined)) return;
    link.reporter?.stop();
    link.reporter = leads ? createReporter(this.deps.own) : undefined;
    if (leads) this.report();
  }

  private closed(address: string, link: Link, why: string): void {
    link.reporter?.stop();
    if (this.links.get(address) === link) this.links.delete(address);
    if (this.selves.has(address) || this.told.get(address) === why) return;
    this.told.set(address, why);
    this.deps.log.warn("a replica is not reached; it is called again", { address, error: why });
  }
}
