import type { Counted, WaveCount } from "../../model/wave-count.ts";
import type { FilterRecord } from "../filter/record.ts";
import { type GroupHealth, noTally, type Tally } from "../rollout/health.ts";

/** Proxies that are judged together, as they are counted one by one. */
export interface Group extends Omit<GroupHealth, keyof Tally> {
  /** What its proxies run. */
  readonly on: "target" | "stable";
  tally: Tally;
  /** Counters of its proxies when they took up what they run. */
  before: Tally;
  proxies: number;
  restarts: number;
  readonly vanished: string[];
  readonly hung: string[];
  readonly ended: string[];
  /** The ones that came since and run it well: each stands for one that vanished, as where pods are replaced. */
  came: number;
  unheard: number;
  /** The ones that report, and have not since they took what they run. */
  uncounted: number;
  readonly restarted: string[];
  vmFailures: number;
  worst: string | undefined;
  worstFailures: number;
  heardUntil: number;
}

export function newGroup(on: Group["on"]): Group {
  return {
    on,
    tally: noTally,
    before: noTally,
    proxies: 0,
    restarts: 0,
    vanished: [],
    hung: [],
    ended: [],
    came: 0,
    unheard: 0,
    uncounted: 0,
    restarted: [],
    vmFailures: 0,
    worst: undefined,
    worstFailures: 0,
    heardUntil: Number.POSITIVE_INFINITY,
  };
}

export function healthOf({
  tally,
  proxies,
  restarts,
  came,
  vanished: gone,
  restarted,
  hung,
  ended,
  vmFailures,
  worst,
}: Group): GroupHealth {
  const vanished = gone.slice(came);
  return { ...tally, proxies, restarts, vanished, restarted, hung, ended, vmFailures, worst };
}

/** The numbers that the record's target is judged by, for people. Where each proxy of the wave takes part in other rollouts too, theirs. */
export function waveCountOf(own: Group, mixed: Group, stable: Group, { filter, rollout }: FilterRecord, at: number): WaveCount | undefined {
  const wave = own.proxies === 0 ? mixed : own;
  const limits = filter?.rollout.analysis;
  if (limits === undefined || wave.proxies === 0) return undefined;
  return { at, wave: countedOf(wave), stable: countedOf(stable), before: rollout.watch?.before ?? wave.before, limits };
}

function countedOf(group: Group): Counted {
  const { proxies, vmFailures, vanished, restarted, requests, errors5xx, latencySumMs, latencyCount } = healthOf(group);
  return { proxies, requests, errors5xx, latencySumMs, latencyCount, vmFailures, lost: vanished.length + restarted.length };
}
