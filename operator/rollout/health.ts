import type { ProxyHealth } from "../../model/delivery.ts";
import type { Analysis } from "../../model/filter.ts";
import type { Fault } from "./advance.ts";

/** Found by comparing what groups of proxies counted: who has the counters of all tells best. */
export const COMPARED: ReadonlySet<Fault["reason"]> = new Set(["ErrorsRose", "LatencyRose"]);

/** Counters over some time, summed over some proxies. */
export interface Tally {
  readonly requests: number;
  readonly errors5xx: number;
  readonly latencySumMs: number;
  readonly latencyCount: number;
}

/** The health of a group of proxies since they acknowledged what they run. */
export interface GroupHealth extends Tally {
  /** Proxies that acknowledged it. */
  readonly proxies: number;
  /** Of those, the ones that were then lost and stayed away. */
  readonly vanished: readonly string[];
  /** The ones that came back as a new process, and how often they did in all. */
  readonly restarted: readonly string[];
  readonly restarts: number;
  /** The ones whose workers hung since. */
  readonly hung: readonly string[];
  /** The ones whose process ended since while its reports were overdue. */
  readonly ended: readonly string[];
  readonly vmFailures: number;
  /** The proxy with the most VM failures, for the message. */
  readonly worst: string | undefined;
}

export const noTally: Tally = { requests: 0, errors5xx: 0, latencySumMs: 0, latencyCount: 0 };

export function addTally(a: Tally, b: Tally): Tally {
  return {
    requests: a.requests + b.requests,
    errors5xx: a.errors5xx + b.errors5xx,
    latencySumMs: a.latencySumMs + b.latencySumMs,
    latencyCount: a.latencyCount + b.latencyCount,
  };
}

/** What was counted between two reports. Counters that went down were reset: their present value is the whole count since. */
export function tallySince(before: Tally | undefined, now: ProxyHealth): Tally {
  if (before === undefined || now.requests < before.requests) return now;
  return {
    requests: now.requests - before.requests,
    errors5xx: Math.max(0, now.errors5xx - before.errors5xx),
    latencySumMs: Math.max(0, now.latencySumMs - before.latencySumMs),
    latencyCount: Math.max(0, now.latencyCount - before.latencyCount),
  };
}

/** A share of vanished proxies above stable's share by more than this speaks against the target: some come and go in any fleet. */
const VANISHED_RISE = 0.25;
/** A usual mean latency below this counts as this: a few milliseconds more are noise, whatever their ratio. */
const LATENCY_FLOOR_MS = 20;

const percent = (tally: Tally) => (tally.requests === 0 ? 0 : (100 * tally.errors5xx) / tally.requests);
const meanMs = (tally: Tally) => (tally.latencyCount === 0 ? 0 : tally.latencySumMs / tally.latencyCount);

/**
 * Judges a wave by what its proxies report of themselves, against those still on stable in the same time, or, where there are none with enough
 * requests, against the wave's own proxies before they took the target.
 */
export function judge(wave: GroupHealth, stable: GroupHealth, before: Tally, analysis: Analysis): Fault | undefined {
  return (
    hung(wave, stable) ??
    ended(wave, stable) ??
    vanished(wave, stable) ??
    vmFailed(wave, stable) ??
    errorsRose(wave, stable, before, analysis) ??
    latencyRose(wave, stable, before, analysis)
  );
}

const share = (group: GroupHealth, part: readonly string[]) => (group.proxies === 0 ? 0 : part.length / group.proxies);

/** A worker that does not return has no other cause than what it runs: one is enough, unless as many hang on stable. */
function hung(wave: GroupHealth, stable: GroupHealth): Fault | undefined {
  if (share(wave, wave.hung) <= share(stable, stable.hung)) return undefined;
  const names = wave.hung.slice(0, 5).join(", ");
  const message = `a worker thread does not return on ${wave.hung.length} of ${wave.proxies} proxies that had it: ${names}; start those anew that still hang`;
  return { reason: "ProxyHung", message };
}

/** A process that did not report any more when it ended was not stopped by hand: one is enough, unless as many end so on stable. */
function ended(wave: GroupHealth, stable: GroupHealth): Fault | undefined {
  if (share(wave, wave.ended) <= share(stable, stable.ended)) return undefined;
  const names = wave.ended.slice(0, 5).join(", ");
  const message = `the Envoy of ${wave.ended.length} of ${wave.proxies} proxies that had it ended while its statistics were overdue: ${names}`;
  return { reason: "ProxyEnded", message };
}

/** Any other restart can have any cause; a module that ends its proxy does so again. */
function vanished(wave: GroupHealth, stable: GroupHealth): Fault | undefined {
  const lost = (group: GroupHealth) => (group.proxies === 0 ? 0 : (group.vanished.length + group.restarted.length) / group.proxies);
  if (wave.vanished.length === 0 && wave.restarts < 2) return undefined;
  if (lost(wave) <= lost(stable) + VANISHED_RISE) return undefined;
  const names = [...wave.vanished, ...wave.restarted];
  const message = `${names.length} of ${wave.proxies} proxies vanished or restarted when they had it: ${names.slice(0, 5).join(", ")}`;
  return { reason: "ProxyVanished", message };
}

function vmFailed(wave: GroupHealth, stable: GroupHealth): Fault | undefined {
  if (wave.vmFailures === 0) return undefined;
  const usual = stable.proxies === 0 ? 0 : stable.vmFailures / stable.proxies;
  if (wave.vmFailures / wave.proxies <= usual) return undefined;
  return { reason: "VmFailed", message: `its VM failed ${wave.vmFailures} times, most on proxy ${wave.worst ?? "?"}` };
}

/** What to compare the wave with: stable at the same time, else the wave's own proxies before; whichever has enough requests. */
function reference(stable: GroupHealth, before: Tally, analysis: Analysis): { tally: Tally; name: string } | undefined {
  if (stable.requests >= analysis.minRequests) return { tally: stable, name: "on stable" };
  return before.requests >= analysis.minRequests ? { tally: before, name: "before" } : undefined;
}

function errorsRose(wave: GroupHealth, stable: GroupHealth, before: Tally, analysis: Analysis): Fault | undefined {
  const compared = reference(stable, before, analysis);
  if (wave.requests < analysis.minRequests || compared === undefined) return undefined;
  const { tally, name } = compared;
  if (percent(wave) - percent(tally) <= analysis.max5xxRisePercent) return undefined;
  const message = `${percent(wave).toFixed(1)}% of ${wave.requests} requests got a 5xx, against ${percent(tally).toFixed(1)}% ${name}`;
  return { reason: "ErrorsRose", message };
}

function latencyRose(wave: GroupHealth, stable: GroupHealth, before: Tally, analysis: Analysis): Fault | undefined {
  const compared = reference(stable, before, analysis);
  if (wave.latencyCount < analysis.minRequests || compared === undefined) return undefined;
  const { tally, name } = compared;
  if (tally.latencyCount === 0) return undefined;
  const usual = Math.max(meanMs(tally), LATENCY_FLOOR_MS);
  if (meanMs(wave) <= usual * analysis.maxLatencyRatio) return undefined;
  return {
    reason: "LatencyRose",
    message: `requests take ${meanMs(wave).toFixed(1)} ms on average, against ${meanMs(tally).toFixed(1)} ms ${name}`,
  };
}
