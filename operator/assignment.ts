import type { Chain, ChainEntry } from "../model/delivery.ts";
import { type FilterRecord, positionOf, refusesTarget, revisionOf } from "./record.ts";
import { assigned } from "./rollout/state.ts";

/** A request meets the higher priority first; ties go by namespace/name, so that the order never depends on time. */
function order(a: ChainEntry, b: ChainEntry): number {
  if (a.settings.priority !== b.settings.priority) return b.settings.priority - a.settings.priority;
  const [left, right] = [`${a.filter.namespace}/${a.filter.name}`, `${b.filter.namespace}/${b.filter.name}`];
  return left < right ? -1 : left > right ? 1 : 0;
}

/**
 * What each slot of one proxy holds, from the filters that concern it. A slot whose chain cannot be built whole (a revision's module is not at
 * hand) is held: leaving the filter out would take it off the path.
 * `withheld`: hashes of targets that this proxy is to be spared for now (see bisect.ts).
 */
export function slotsOf(
  proxyId: string,
  records: Iterable<FilterRecord>,
  withheld: ReadonlySet<string> | undefined,
): ReadonlyMap<string, Chain | "hold"> {
  const slots = new Map<string, ChainEntry[]>();
  const held = new Set<string>();
  for (const record of records) {
    const target = revisionOf(record, record.rollout.target);
    const spared = refusesTarget(record, proxyId) || (target !== undefined && withheld?.has(target.hash) === true);
    const number = assigned(record.rollout, positionOf(record, proxyId), spared);
    const revision = revisionOf(record, number);
    if (revision === undefined) continue;
    const entry = record.entries.get(revision.number);
    const slot = revision.settings.slot;
    if (entry === undefined) held.add(slot);
    else slots.set(slot, [...(slots.get(slot) ?? []), entry]);
  }
  const result = new Map<string, Chain | "hold">();
  for (const [slot, chain] of slots) result.set(slot, chain.sort(order));
  for (const slot of held) result.set(slot, "hold");
  return result;
}
