import type { Chain, ChainEntry } from "../../model/delivery.ts";
import { type FilterKey, filterId } from "../../model/filter.ts";
import type { Revision } from "../../model/revision.ts";
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
}

/** The slot of a spec that names none. */
const DEFAULT_SLOT = "default";

/** What a proxy must wait for: the leader of several servers sends these to the others. */
export interface Overrides {
  /** Whether the proxy must wait for the revision with this hash, since it rejected it or others are tried first. */
  withholds(proxyKey: string, filterId: string, hash: string): boolean;
}

/** What each slot of a proxy holds. `hold`: the proxy keeps what it has. */
export type Slots = ReadonlyMap<string, Chain | "hold">;

/**
 * What each slot of one proxy is due, from the filters that concern it. A slot whose chain cannot be built whole (a revision or its module is not
 * known) is held: leaving the filter out would take it off the path.
 */
export function slotsDue(proxyKey: string, filters: Iterable<ServedFilter>, line: WaveLine, overrides: Overrides): Slots {
  const slots = new Map<string, ChainEntry[]>();
  const held = new Set<string>();
  for (const filter of filters) {
    const number = numberDue(proxyKey, filter, line, overrides);
    const revision = find(filter, number);
    if (filter.isHeld || (number !== undefined && revision === undefined)) for (const slot of slotsOf(filter)) held.add(slot);
    if (filter.isHeld || revision === undefined) continue;
    const { slot } = revision.settings;
    const entry = filter.deliverable.get(revision.number);
    const chain = slots.get(slot);
    if (entry === undefined) held.add(slot);
    else if (chain === undefined) slots.set(slot, [entry]);
    else chain.push(entry);
  }
  const result = new Map<string, Chain | "hold">();
  for (const [slot, chain] of slots) result.set(slot, chain.sort(byPriority));
  for (const slot of held) result.set(slot, "hold");
  return result;
}

function find({ revisions }: ServedFilter, number: number | undefined): Revision | undefined {
  return number === undefined ? undefined : revisions.find((revision) => revision.number === number);
}

/** The number of the revision that the proxy is due. */
function numberDue(proxyKey: string, filter: ServedFilter, line: WaveLine, overrides: Overrides): number | undefined {
  const { id, rollout } = filter;
  const target = find(filter, rollout.target);
  const waits = target !== undefined && overrides.withholds(proxyKey, id, target.hash);
  return assigned(rollout, () => line.isIn(rollout, id, proxyKey), waits);
}

/** Every slot that the filter may be in. */
function slotsOf({ revisions, slot }: ServedFilter): ReadonlySet<string> {
  const kept = new Set(revisions.map(({ settings }) => settings.slot));
  return kept.size > 0 ? kept : new Set([slot ?? DEFAULT_SLOT]);
}

/** A request meets the higher priority first; ties go by namespace/name, so that the order never depends on time. */
function byPriority(a: ChainEntry, b: ChainEntry): number {
  if (a.settings.priority !== b.settings.priority) return b.settings.priority - a.settings.priority;
  const [left, right] = [filterId(a.filter), filterId(b.filter)];
  return left < right ? -1 : left > right ? 1 : 0;
}
