import type { Clock } from "../../model/clock.ts";
import type { FleetView, ProxyNode } from "../../model/delivery.ts";
import { goalOf, rejectsTarget } from "../filter/goal.ts";
import type { FilterRecord } from "../filter/record.ts";
import { outgoingHash, takesPart } from "../rollout/dark.ts";
import type { WaveLine, WaveOrder } from "../rollout/wave.ts";
import { type Counts, runningOf, stateOf } from "./counts.ts";
import type { FleetIndex } from "./index.ts";
import { createTally, type Seen, type Tally } from "./tally.ts";

/** The part of a record that tells which proxies it concerns and what they should run. */
export type Observed = Pick<FilterRecord, "id" | "key" | "filter" | "revisions" | "rollout" | "rejections">;

/** What the fleet does with one filter, at one moment. */
export interface Sighting {
  readonly counts: Counts;
  /** How many proxies are connected, or how many there are while none is. */
  present(): number;
  /** Their positions on the wave line. Costs a look at each. */
  positions(order: WaveOrder): readonly number[];
  /** Proxies in the wave that do not run the target, or hang; of those that are lost, the ones that were lost just now. */
  readonly outstanding: number;
  /** When the next of those that were lost just now is not waited for any more (milliseconds since the epoch). */
  readonly nextLostAt: number | undefined;
  /** Keys of the proxies that hang, in their order. */
  readonly hung: readonly string[];
  /** How many of the connected proxies have a placeholder in its place. */
  readonly standIns: number;
  /** In the order of the proxies' keys. */
  readonly rejections: readonly { readonly key: string; readonly message: string }[];
}

/**
 * A proxy that is gone this long is not waited for any more, and counts as vanished when it had been given the target: longer than a reconnect,
 * shorter than a deadline.
 */
export const LOST_AFTER_MS = 5_000;
/** A count that is older than this is made again at the next look, so that an error in it cannot stay. */
const RECOUNT_MS = 30_000;

export function isLost(proxy: ProxyNode, now: number): boolean {
  return !proxy.connected && now - lostAt(proxy) >= LOST_AFTER_MS;
}

/** One that went out of sight with its replica is waited for, and blamed on nothing, until it is seen again or forgotten. */
const lostAt = ({ since, isUnheard }: ProxyNode): number => (isUnheard === true ? Number.POSITIVE_INFINITY : since);

/** The proxies that a filter's status speaks of: selected, and with the slot in their configuration. */
export function* matchedProxies(record: Observed, fleet: Pick<FleetView, "proxy">, ids: Iterable<string>): Iterable<ProxyNode> {
  const slot = slotOf(record);
  if (slot === undefined) return;
  for (const id of ids) {
    const proxy = fleet.proxy(id);
    if (proxy?.slots.has(slot)) yield proxy;
  }
}

function slotOf(record: Observed): string | undefined {
  return goalOf(record)?.settings.slot ?? record.filter?.settings.slot;
}

/** Counts the proxies of each filter. */
export interface Observer {
  /** What the fleet does with the filter. Costs a look at each proxy that was touched since the last time, or at all of them when they should run something else. */
  see(record: Observed): Sighting;
  /** The proxy runs something else of this filter, is selected or no longer, came, or left. */
  touch(filterId: string, proxyKey: string): void;
  /** The filter selects other proxies than before, or is gone: they are counted again. */
  reset(filterId: string): void;
}

export interface ObserverDeps {
  readonly fleet: Pick<FleetView, "proxy">;
  readonly clock: Clock;
  readonly index: Pick<FleetIndex, "proxiesOf" | "isSelected">;
  readonly line: WaveLine;
}

interface Count {
  /** What the count depends on besides the proxies. */
  readonly key: string;
  readonly rejections: Observed["rejections"];
  readonly tally: Tally;
  readonly touched: Set<string>;
  /** Milliseconds since the epoch. */
  readonly madeAt: number;
}

export function createObserver({ fleet, clock, index, line }: ObserverDeps): Observer {
  const counts = new Map<string, Count>();

  /** The count for what the record asks of its proxies now. */
  function countOf(record: Observed, goal: string | undefined, target: string | undefined): Count {
    const now = clock.now();
    const { threshold, startedAt } = record.rollout;
    const key = [goal, slotOf(record), target, threshold, startedAt].join(" ");
    const known = counts.get(record.id);
    if (known?.key === key && known.rejections === record.rejections && Math.abs(now - known.madeAt) < RECOUNT_MS) return known;
    const count = { key, rejections: record.rejections, tally: createTally(), touched: new Set(index.proxiesOf(record.id)), madeAt: now };
    counts.set(record.id, count);
    return count;
  }

  function look(record: Observed, proxyKey: string, goal: string | undefined, target: string | undefined): Seen | undefined {
    const slot = slotOf(record);
    const proxy = index.isSelected(record.id, proxyKey) ? fleet.proxy(proxyKey) : undefined;
    if (slot === undefined || proxy?.slots.has(slot) !== true) return undefined;
    const isRejected = record.rejections.size > 0 && rejectsTarget(record, proxyKey);
    const running = runningOf(proxy, record.key, slot);
    const isHung = proxy.hungSince !== undefined;
    const isPending = isRejected || isHung || !proxy.connected || running?.hash !== target;
    return {
      state: goal === undefined && !isRejected ? "pending" : stateOf(proxy, running, goal ?? "", isRejected),
      isConnected: proxy.connected,
      since: proxy.connected ? proxy.since : lostAt(proxy),
      isWaitedFor: isPending && line.isIn(record.rollout, record.id, proxyKey) && takesPart(record, proxy.takesChains),
      isHung,
      hasStandIn: running?.isPlaceholder === true,
      rejection: isRejected ? (record.rejections.get(proxyKey)?.message ?? "") : undefined,
    };
  }

  return {
    see(record) {
      const target = outgoingHash(record);
      const revision = goalOf(record);
      const goal = revision?.number === record.rollout.target ? target : revision?.hash;
      const { tally, touched } = countOf(record, goal, target);
      for (const id of touched) tally.set(id, look(record, id, goal, target));
      touched.clear();
      const after = clock.now() - LOST_AFTER_MS;
      const firstLost = tally.firstLost(after);
      return {
        counts: tally.counts(),
        outstanding: tally.outstanding(after),
        nextLostAt: firstLost === undefined ? undefined : firstLost + LOST_AFTER_MS,
        hung: tally.hung(),
        standIns: tally.standIns(),
        rejections: tally.rejections(),
        present: () => tally.present().length,
        positions: (order) => tally.present().map((id) => line.position(order, record.id, id)),
      };
    },
    touch: (filterId, proxyKey) => void counts.get(filterId)?.touched.add(proxyKey),
    reset: (filterId) => void counts.delete(filterId),
  };
}
