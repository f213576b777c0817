import type { Chain, ChainEntry } from "../../model/delivery.ts";
import { filterId } from "../../model/filter.ts";
import type { WaveLine } from "../rollout/wave.ts";
import { type Hold, type Overrides, placeOf, type ServedFilter } from "./place.ts";

/** What each slot of a proxy holds. `hold`: the proxy keeps what it has. */
export type Slots = ReadonlyMap<string, Chain | "hold">;

/**
 * What each slot of one proxy is due, from the filters that concern it. A slot whose chain cannot be built whole (a revision or its module is not
 * known) is held: leaving the filter out would take it off the path. One with filters that must be there is held only on proxies that may have loaded it, so that
 * on others nothing passes these.
 */
export function slotsDue(proxyKey: string, filters: Iterable<ServedFilter>, line: WaveLine, overrides: Overrides): Slots {
  const slots = new Map<string, ChainEntry[]>();
  const held = new Map<string, Hold[]>();
  for (const filter of filters) {
    const place = placeOf(proxyKey, filter, line, overrides);
    if (place === undefined) continue;
    if ("hold" in place) {
      for (const slot of place.hold) addTo(held, slot, place);
      continue;
    }
    addTo(slots, place.settings.slot, place);
  }
  const result = new Map<string, Chain | "hold">();
  for (const [slot, chain] of slots) result.set(slot, chain.sort(byPriority));
  for (const [slot, holds] of held) result.set(slot, besides(slots.get(slot) ?? [], holds) ?? "hold");
  return result;
}

/** The chain with what stands in the place of those that hold its slot; `undefined`: none of it must be there, or it is not known what holds. */
function besides(chain: readonly ChainEntry[], holds: readonly Hold[]): Chain | undefined {
  const stand = holds.map(({ beside }) => beside).filter((entry) => entry !== undefined);
  const isDemanded = chain.some(({ mustBeThere, placeholder }) => mustBeThere === true || placeholder !== undefined);
  return isDemanded && stand.length === holds.length ? [...chain, ...stand].sort(byPriority) : undefined;
}

function addTo<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const known = lists.get(key);
  if (known === undefined) lists.set(key, [value]);
  else known.push(value);
}

/** A request meets the higher priority first; ties go by namespace/name, so that the order never depends on time. */
function byPriority(a: ChainEntry, b: ChainEntry): number {
  if (a.settings.priority !== b.settings.priority) return b.settings.priority - a.settings.priority;
  const [left, right] = [filterId(a.filter), filterId(b.filter)];
  return left < right ? -1 : left > right ? 1 : 0;
}
