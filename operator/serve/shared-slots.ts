import type { ChainEntry } from "../../model/delivery.ts";
import { filterId } from "../../model/filter.ts";
import type { Slots } from "./slots.ts";

/**
 * One object for all proxies that are due the same, for as long as one of them holds it: what compares, encodes or keeps it does so once,
 * however many proxies there are.
 */
export interface SharedSlots {
  /** The shared object that equals this one. */
  of(slots: Slots): Slots;
}

export function createSharedSlots(): SharedSlots {
  const known = new Map<string, WeakRef<Slots>>();
  const released = new FinalizationRegistry<string>((key) => {
    if (known.get(key)?.deref() === undefined) known.delete(key);
  });
  return {
    of(slots) {
      const key = keyOf(slots);
      const shared = known.get(key)?.deref();
      if (shared !== undefined) return shared;
      known.set(key, new WeakRef(slots));
      released.register(slots, key);
      return slots;
    },
  };
}

function keyOfEntry({ filter, revision, hash, placeholder, mustBeThere }: ChainEntry): string {
  const said = placeholder ?? (mustBeThere ? "must" : "");
  return `${filterId(filter)} ${revision} ${hash} ${said}`;
}

/** No name or hash has a space or a line break in it. */
function keyOf(slots: Slots): string {
  let key = "";
  for (const [slot, chain] of slots) {
    key += `\n${slot}`;
    if (chain === "hold") key += " hold";
    else for (const entry of chain) key += ` ${keyOfEntry(entry)}`;
  }
  return key;
}
