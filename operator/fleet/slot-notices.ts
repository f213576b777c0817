import type { ProxyNode } from "../../model/delivery.ts";
import type { Log } from "../../model/log.ts";

/** Proxies choose the names of slots, so the number of remembered names is bounded. */
const MOST_TOLD = 1_000;

export type SlotNotices = (proxy: Pick<ProxyNode, "id" | "namespace" | "slots">, named: ReadonlySet<string>) => void;

/**
 * Tells, once each, of slots that a proxy has and none of its filters names (`named`), while they name others: most often a misspelled name, and
 * requests pass that slot unfiltered.
 */
export function createSlotNotices(log: Log): SlotNotices {
  const told = new Set<string>();
  return ({ id, namespace, slots }, named) => {
    if (named.size === 0) return;
    for (const slot of slots.keys()) {
      const key = `${namespace}/${slot}`;
      if (named.has(slot) || told.has(key) || told.size >= MOST_TOLD) continue;
      told.add(key);
      log.warn("a proxy has a slot that no filter names, so requests pass it unfiltered; check spec.slot and the proxy's bootstrap", {
        slot,
        proxy: id,
        namespace,
        slotsWithFilters: [...named].sort().join(","),
      });
    }
  };
}
