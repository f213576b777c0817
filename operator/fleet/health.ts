import type { Clock } from "../../model/clock.ts";
import type { FleetView, ProxyHealth, ProxyNode, SlotDelivery } from "../../model/delivery.ts";
import { darkPlugin, filterId } from "../../model/filter.ts";
import type { Revision } from "../../model/revision.ts";
import type { WaveCount } from "../../model/wave-count.ts";
import type { FilterRecord } from "../filter/record.ts";
import { revisionOf } from "../filter/revisions.ts";
import type { Fault } from "../rollout/advance.ts";
import { darkMatch, outgoingHash } from "../rollout/dark.ts";
import { addTally, judge, noTally, type Tally, tallySince } from "../rollout/health.ts";
import { type Group, healthOf, newGroup, waveCountOf } from "./group.ts";
import { isLost, matchedProxies } from "./observe.ts";

/** What is known of one proxy since it acknowledged the chain that it runs. */
interface Watched {
  /** Hashes of that chain, in order; `undefined`: it runs none yet. */
  chain: string | undefined;
  /** Milliseconds since the epoch. */
  since: number;
  /** The first report after that. An earlier one would count what happened under the chain before. */
  health: ProxyHealth | undefined;
  /** The last report before. Without it the first one after counts as both. */
  base: ProxyHealth | undefined;
  /** How often it came back as a new process while it was meant to run the target. */
  restarts: number;
  /** With what its workers hung in this rollout. `hungBefore`: since before it was given the target, whatever hangs now is not the target's. */
  hung: "target" | "stable" | undefined;
  hungBefore: boolean;
  /** With what it ended in this rollout while its reports were overdue. `endedAt`: when it did so last. */
  ended: "target" | "stable" | undefined;
  endedAt: number | undefined;
  /** True when it runs the target or is assigned it. For a lost proxy: when it was lost. */
  given: boolean;
  /** True when it connected for the first time while the rollout was watched: it may stand for one that is gone. */
  came: boolean;
  /** True when it ran stable revisions only at the last look. */
  onStable: boolean;
  /** Its counters in this rollout under earlier chains, while it was on stable. */
  past: Tally;
}

/** What is kept of one rollout. */
interface Watch {
  /** Names the rollout. */
  readonly rollout: string;
  readonly proxies: Map<string, Watched>;
  /** The result of the last look. */
  heard: WaveHealth;
}

/** What the proxies of a wave report. */
export interface WaveHealth {
  /** Why the record's target counts as failed now. */
  readonly fault: Fault | undefined;
  /** Milliseconds since the epoch up to which its proxies have reported; infinite when none reports. */
  readonly heardUntil: number;
  /** When they were looked at (milliseconds since the epoch). */
  readonly at: number;
  /** How many of its proxies say that they report and have not since they took what they run: whether they are alive is not known. */
  readonly unheard: number;
  /** What its proxies had counted when they took what they run; `undefined` while that is not known of all that report. */
  readonly before: Tally | undefined;
  /** How many proxies were looked at. */
  readonly looked: number;
  /** What it is judged by, for people; absent: nothing is. */
  readonly count?: WaveCount | undefined;
}

/** Follows the health of proxies from the moment they acknowledge a chain. Kept in memory only: after a restart the comparison starts again. */
export interface HealthWatch {
  /**
   * Costs a look at each matched proxy, unless the last look is younger than `restMs`: many acknowledgements that arrive
   * one by one lead to few looks. Meant for rollouts that are under way.
   */
  look(record: FilterRecord, restMs: number): WaveHealth;
  forget(record: FilterRecord): void;
}

export interface HealthWatchOptions {
  readonly fleet: Pick<FleetView, "proxy" | "health">;
  readonly clock: Clock;
  readonly proxiesOf: (id: string) => Iterable<string>;
  readonly record: (id: string) => FilterRecord | undefined;
}

/** A proxy that has been connected for this long without a report sends none. */
const MUTE_AFTER_MS = 10_000;

const UNHEARD: WaveHealth = {
  fault: undefined,
  heardUntil: Number.POSITIVE_INFINITY,
  unheard: 0,
  at: Number.POSITIVE_INFINITY,
  before: undefined,
  looked: 0,
};

export function createHealthWatch(options: HealthWatchOptions): HealthWatch {
  return new ReportingHealthWatch(options);
}

class ReportingHealthWatch implements HealthWatch {
  private readonly options: HealthWatchOptions;
  private readonly watches = new Map<string, Watch>();

  constructor(options: HealthWatchOptions) {
    this.options = options;
  }

  look(record: FilterRecord, restMs: number): WaveHealth {
    const { filter, rollout } = record;
    const target = revisionOf(record, rollout.target);
    if (rollout.phase !== "Progressing") this.forget(record);
    if (filter === undefined || target === undefined || rollout.phase !== "Progressing") return UNHEARD;
    const watch = this.watchOf(record);
    const now = this.options.clock.now();
    if (Math.abs(now - watch.heard.at) >= restMs) watch.heard = this.lookAtAll(record, target, watch.proxies, now);
    return watch.heard;
  }

  forget(record: FilterRecord): void {
    this.watches.delete(record.uid);
  }

  /** What is kept of the record's proxies. Starts empty with each rollout. */
  private watchOf(record: FilterRecord): Watch {
    const rollout = `${record.rollout.target} ${record.rollout.startedAt}`;
    const known = this.watches.get(record.uid);
    if (known?.rollout === rollout) return known;
    const watch: Watch = { rollout, proxies: new Map(), heard: UNHEARD };
    this.watches.set(record.uid, watch);
    return watch;
  }

  /** Brings what is known of a proxy up to date. `runs`, `meant`: whether it runs the target, is to run it. */
  private follow(known: Watched | undefined, proxy: ProxyNode, slot: SlotDelivery | undefined, runs: boolean, meant: boolean): Watched {
    const chain = slot?.running?.map(({ hash }) => hash).join(" ");
    const since = slot?.runningSince ?? this.options.clock.now();
    const watched = known ?? {
      chain,
      since,
      health: undefined,
      base: undefined,
      restarts: 0,
      given: false,
      came: false,
      onStable: false,
      past: noTally,
      hung: undefined,
      hungBefore: proxy.hungSince !== undefined,
      ended: undefined,
      endedAt: proxy.endedAt,
    };
    const health = this.options.fleet.health(proxy.key);
    // A process that comes back says what it holds; one that holds nothing is new.
    if (proxy.connected && chain === undefined && watched.chain !== undefined && meant) watched.restarts++;
    if (watched.chain !== chain) {
      if (watched.onStable && health !== undefined) watched.past = addTally(watched.past, tallySince(watched.health ?? health, health));
      Object.assign(watched, { chain, since, health: undefined, base: health !== undefined && health.at <= since ? health : undefined });
    }
    noteEnd(watched, proxy.endedAt);
    if (proxy.connected) watched.given = runs || meant;
    noteHang(watched, proxy.hungSince !== undefined);
    watched.since = Math.min(watched.since, this.options.clock.now());
    if (health !== undefined && health.at > watched.since) watched.health ??= health;
    return watched;
  }

  /** Other filters of which this proxy runs a revision that is not stable either: they may cause what it reports. */
  private othersUnproven(record: FilterRecord, slots: ProxyNode["slots"]): FilterRecord[] {
    const others: FilterRecord[] = [];
    for (const { running } of slots.values()) {
      for (const { filter, hash, isPlaceholder } of running ?? []) {
        if (isPlaceholder) continue;
        const other = this.options.record(filterId(filter));
        if (other === undefined || other === record) continue;
        if (revisionOf(other, other.rollout.stable)?.hash !== hash) others.push(other);
      }
    }
    return others;
  }

  private account(group: Group, proxy: ProxyNode, watched: Watched, { id, demand, rollout }: FilterRecord): void {
    const isFirst = demand !== undefined && (rollout.stable === undefined || rollout.stable === rollout.target);
    group.proxies++;
    group.restarts += watched.restarts;
    if (watched.hung === group.on) group.hung.push(proxy.id);
    if (watched.ended === group.on) group.ended.push(proxy.id);
    if (isAwaited(proxy, watched, this.options.fleet.health(proxy.key), this.options.clock.now())) group.unheard++;
    if (watched.came && proxy.connected) group.came++;
    if (isLost(proxy, this.options.clock.now())) group.vanished.push(proxy.id);
    else if (watched.restarts > 0) group.restarted.push(proxy.id);
    const health = this.options.fleet.health(proxy.key);
    const mute = health === undefined && this.options.clock.now() - proxy.since >= MUTE_AFTER_MS;
    const heard = health !== undefined && watched.health !== undefined && health.at > watched.health.at ? health.at : watched.since;
    if (proxy.connected && !mute) group.heardUntil = Math.min(group.heardUntil, heard);
    if (health !== undefined && watched.health === undefined) group.uncounted++;
    if (health === undefined || watched.health === undefined || hasStandIn(proxy)) return;
    group.tally = addTally(group.tally, tallySince(watched.health, health));
    // What it counted before a filter that must be there was there first are the 503s of the placeholder.
    if (!isFirst) group.before = addTally(group.before, watched.base ?? watched.health);
    const plugin = group.on === "target" && darkMatch(rollout) !== undefined ? darkPlugin(id, rollout.target ?? 0) : id;
    const failures = Math.max(0, (health.vmFailures.get(plugin) ?? 0) - (watched.health.vmFailures.get(plugin) ?? 0));
    group.vmFailures += failures;
    if (failures > group.worstFailures) Object.assign(group, { worst: proxy.id, worstFailures: failures });
  }

  private lookAtAll(record: FilterRecord, target: Revision, known: Map<string, Watched>, at: number): WaveHealth {
    const [wave, stable, mixed] = [newGroup("target"), newGroup("stable"), newGroup("target")];
    const rivals = new Set<FilterRecord>();
    const settledAt = known.size === 0 ? undefined : record.watchedSince;
    const outgoing = outgoingHash(record);
    for (const proxy of matchedProxies(record, this.options.fleet, this.options.proxiesOf(record.id))) {
      const slot = proxy.slots.get(target.settings.slot);
      const runs = slot?.running?.some(({ hash }) => hash === outgoing) === true;
      const meant = slot?.desired.some(({ hash }) => hash === outgoing) === true;
      const watched = this.follow(known.get(proxy.key), proxy, slot, runs, meant);
      if (!known.has(proxy.key)) watched.came = settledAt !== undefined && proxy.since > settledAt;
      known.set(proxy.key, watched);
      const failed = watched.restarts > 0 || watched.hung === "target" || watched.ended === "target";
      const inWave = proxy.connected ? runs || failed : watched.given;
      if (!inWave && runsOther(slot, record)) {
        watched.onStable = false;
        continue;
      }
      stable.tally = addTally(stable.tally, watched.past);
      const others = this.othersUnproven(record, proxy.slots);
      watched.onStable = !runs && others.length === 0 && !hasStandIn(proxy);
      if (others.length === 0) this.account(inWave ? wave : stable, proxy, watched, record);
      else if (inWave) {
        this.account(mixed, proxy, watched, record);
        for (const other of others) rivals.add(other);
      }
    }
    const [heardUntil, unheard] = [Math.min(wave.heardUntil, mixed.heardUntil), wave.unheard + mixed.unheard];
    const looked = wave.proxies + stable.proxies + mixed.proxies;
    const isCounted = wave.proxies + mixed.proxies > 0 && wave.uncounted + mixed.uncounted === 0;
    const before = isCounted ? addTally(wave.before, mixed.before) : undefined;
    const count = waveCountOf(wave, mixed, stable, record, at);
    return { fault: this.judgeGroups(wave, stable, mixed, record, rivals), heardUntil, unheard, at, before, looked, count };
  }

  /**
   * A proxy that takes part in several rollouts does not tell which filter is at fault, except for VM failures, which name it. So proxies that have this
   * target only decide. Where those have not served enough requests, the filter whose rollout started last is blamed.
   */
  private judgeGroups(wave: Group, stable: Group, mixed: Group, record: FilterRecord, rivals: ReadonlySet<FilterRecord>) {
    const analysis = record.filter?.rollout.analysis;
    // Counted before the watch began: an operator that started since, or another target, does not count what came after as before.
    const before = record.rollout.watch?.before;
    if (analysis === undefined || wave.proxies + mixed.proxies === 0) return undefined;
    const own = wave.proxies === 0 ? undefined : judge(healthOf(wave), healthOf(stable), before ?? wave.before, analysis);
    if (own !== undefined || mixed.proxies === 0) return own;
    const shared = judge(healthOf(mixed), healthOf(stable), before ?? mixed.before, analysis);
    if (shared === undefined || shared.reason === "VmFailed") return shared;
    const isLast = [...rivals].every((rival) => isEarlier(rival, record));
    if (!isLast || wave.tally.requests >= analysis.minRequests) return undefined;
    const names = [...rivals].map(({ id }) => id).join(", ");
    return { ...shared, message: `${shared.message}; ${names} went out to the same proxies earlier, this one is taken back first` };
  }
}

/** True while a placeholder answers 503 in some filter's place: what it counts says nothing about filters. */
function hasStandIn({ slots }: ProxyNode): boolean {
  return [...slots.values()].some(({ running }) => running?.some(({ isPlaceholder }) => isPlaceholder) === true);
}

/** True while it runs a revision of this filter that is neither the target nor stable: a target that was replaced says nothing about either. */
function runsOther(slot: SlotDelivery | undefined, record: FilterRecord): boolean {
  const stable = revisionOf(record, record.rollout.stable)?.hash;
  const running = slot?.running?.find(({ filter, isPlaceholder }) => filterId(filter) === record.id && isPlaceholder !== true);
  return running !== undefined && running.hash !== stable;
}

/** What a proxy hung with stays known when it comes back as a new process: a watchdog may end it within seconds. */
function noteHang(watched: Watched, hangs: boolean): void {
  if (!hangs) watched.hungBefore = false;
  else if (!watched.hungBefore) {
    watched.hung = watched.given ? "target" : "stable";
    watched.hungBefore = !watched.given;
  }
}

/** True when it says that it reports, and has not since it connected and took what it runs. A time to come was read before the clock was set back. */
function isAwaited(proxy: ProxyNode, watched: Watched, health: ProxyHealth | undefined, now: number): boolean {
  if (!proxy.connected || proxy.hungSince !== undefined || proxy.reportsEveryMs === undefined) return false;
  const since = Math.max(proxy.since, watched.since);
  return health === undefined || (since <= now && health.at <= since);
}

/** To be called before what the new process is given is known: what counts is what the one that ended had. */
function noteEnd(watched: Watched, endedAt: number | undefined): void {
  if (endedAt !== undefined && endedAt !== watched.endedAt) watched.ended = watched.given ? "target" : "stable";
  watched.endedAt = endedAt;
}

function isEarlier(a: FilterRecord, b: FilterRecord): boolean {
  const [x, y] = [a.rollout.startedAt, b.rollout.startedAt];
  return x === y ? a.id < b.id : x < y;
}
