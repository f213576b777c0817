import type { Chain, ChainEntry } from "../../model/delivery.ts";
import { filterId } from "../../model/filter.ts";
import { placeholder } from "../../model/placeholder.ts";
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
  const refuses = ({ filter, hash }: ChainEntry) => overrides.withholds(proxyKey, filterId(filter), hash);
  for (const [slot, chain] of slots) result.set(slot, (isDemanded(chain) ? without(chain, refuses) : chain).sort(byPriority));
  for (const [slot, holds] of held) result.set(slot, besides(result.get(slot), holds) ?? "hold");
  return result;
}

/** True where some filter of the chain must be there: others do not hold it off. */
function isDemanded(chain: Chain): boolean {
  return chain.some(({ mustBeThere, placeholder }) => mustBeThere === true || placeholder !== undefined);
}

/** A filter that need not be there is left out where the proxy refuses it and never loaded it: the whole chain would be refused for it. */
function without(chain: Chain, refuses: (entry: ChainEntry) => boolean): ChainEntry[] {
  return chain.map((entry) => {
    const isFree = entry.mustBeThere !== true && entry.placeholder === undefined;
    return isFree && refuses(entry) ? placeholder(entry.filter, entry.settings, "passes") : entry;
  });
}

/** The chain with what stands in the place of those that hold its slot; `undefined`: none of it must be there, or it is not known what holds. */
function besides(chain: Chain | "hold" | undefined, holds: readonly Hold[]): Chain | undefined {
  const stand = holds.map(({ beside }) => beside).filter((entry) => entry !== undefined);
  if (chain === undefined || chain === "hold" || !isDemanded(chain) || stand.length < holds.length) return undefined;
  return [...chain, ...stand].sort(byPriority);
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
