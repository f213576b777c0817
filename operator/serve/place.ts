import type { ChainEntry } from "../../model/delivery.ts";
import type { FilterKey } from "../../model/filter.ts";
import { placeholder } from "../../model/placeholder.ts";
import type { Revision } from "../../model/revision.ts";
import type { Demand } from "../filter/demand.ts";
import { revisionOf } from "../filter/revisions.ts";
import { darkEntry, darkMatch, outgoingHash, takesPart } from "../rollout/dark.ts";
import { assigned, type RolloutState } from "../rollout/state.ts";
import type { WaveLine } from "../rollout/wave.ts";

/** What serving knows of a filter: its recorded revisions and rollout, and what of them can be served. A replica that decides nothing has the same. */
export interface ServedFilter {
  readonly id: string;
  readonly key: FilterKey;
  readonly revisions: readonly Revision[];
  readonly rollout: RolloutState;
  readonly deliverable: ReadonlyMap<number, ChainEntry>;
  /** True while it is not known which proxies it is for, or what of it was served before: they keep what they have. */
  readonly isHeld: boolean;
  /** The slot that its spec in force names; `undefined`: there is none. */
  readonly slot: string | undefined;
  /** Set where nothing may pass a proxy that is due the filter and never loaded it. */
  readonly demand: Demand | undefined;
}

/** What a proxy must wait for. They only hold back: without them a proxy is due what the record says. */
export interface Overrides {
  /** Whether the proxy must wait for the revision with this hash, since it rejected it or others are tried first. */
  withholds(proxyKey: string, filterId: string, hash: string): boolean;
  /** Whether the proxy must wait for a target with this hash that is going out, since nobody who judges it is heard. */
  defers(proxyKey: string, hash: string): boolean;
  /** Whether the proxy takes the filters of a slot as one chain. */
  takesChains(proxyKey: string): boolean;
}

/**
 * What is in a filter's place on a proxy: the filter, or what stands there while it cannot be. `hold`: what is due is not known or cannot be had, so the
 * slots of these names keep what they hold; `beside`: what stands there instead in a slot with filters that must be there. `undefined`: nothing. The table is in
 * docs/missing.md.
 */
export type Place = ChainEntry | Hold | undefined;

export interface Hold {
  readonly hold: Iterable<string>;
  readonly beside?: ChainEntry;
}

export function placeOf(proxyKey: string, filter: ServedFilter, line: WaveLine, overrides: Overrides): Place {
  const { id, rollout, demand, isHeld } = filter;
  const isInWave = () => line.isIn(rollout, id, proxyKey) && takesPart(filter, overrides.takesChains(proxyKey));
  const number = isHeld ? undefined : numberDue(proxyKey, filter, isInWave, overrides);
  const revision = revisionOf(filter, number);
  if (demand === undefined) return plainPlace(filter, number, revision);
  if (revision === undefined) {
    if (number !== undefined) return { hold: slotsOf(filter) };
    if (!isHeld && !isDue(rollout, demand, isInWave)) return undefined;
    return placeholder(filter.key, demand.settings, isHeld || rollout.phase === "Idle" ? "yields" : "replaces");
  }
  const entry = entryOf(filter, revision.number);
  const isRefused = overrides.withholds(proxyKey, id, revision.hash);
  if (entry === undefined || isRefused) return placeholder(filter.key, revision.settings, "yields");
  // Of a first revision in the dark, requests that do not match are as before the filter: nothing answers them in its place.
  const isAlone = entry.dark !== undefined && entry.dark.otherwise === undefined;
  return isAlone ? entry : { ...entry, mustBeThere: true };
}

/** What of a revision can be served; in a dark step the target together with stable. */
function entryOf({ deliverable, rollout }: ServedFilter, number: number): ChainEntry | undefined {
  const entry = deliverable.get(number);
  const match = darkMatch(rollout);
  if (entry === undefined || match === undefined || number !== rollout.target) return entry;
  if (rollout.stable === undefined) return darkEntry(entry, undefined, match);
  const stable = deliverable.get(rollout.stable);
  return stable && darkEntry(entry, stable, match);
}

function plainPlace(filter: ServedFilter, number: number | undefined, revision: Revision | undefined): Place {
  if (filter.isHeld || (number !== undefined && revision === undefined)) return { hold: slotsOf(filter) };
  if (revision === undefined) return undefined;
  const { number: due, settings } = revision;
  return entryOf(filter, due) ?? { hold: [settings.slot], beside: placeholder(filter.key, settings, "passes") };
}

/** Whether a proxy for which there is no revision is due the filter all the same. */
function isDue({ phase, stable }: RolloutState, { fromTheStart }: Demand, isInWave: () => boolean): boolean {
  if (phase === "Idle") return fromTheStart;
  return stable !== undefined || isInWave();
}

/** The number of the revision that the proxy is due. */
function numberDue(proxyKey: string, filter: ServedFilter, isInWave: () => boolean, overrides: Overrides): number | undefined {
  const { id, rollout } = filter;
  const hash = outgoingHash(filter);
  const waits = hash !== undefined && (overrides.withholds(proxyKey, id, hash) || overrides.defers(proxyKey, hash));
  return assigned(rollout, isInWave, waits);
}

/** The slot of a spec that names none. */
const DEFAULT_SLOT = "default";

/** Every slot that the filter may be in. */
function slotsOf({ revisions, slot }: ServedFilter): ReadonlySet<string> {
  const kept = new Set(revisions.map(({ settings }) => settings.slot));
  return kept.size > 0 ? kept : new Set([slot ?? DEFAULT_SLOT]);
}
