import type { Chain, ChainEntry } from "../../model/delivery.ts";
import { isSameFilter } from "../../model/filter.ts";

/** What a slot is to hold; `undefined` is the empty chain. */
export type Assigned = Chain | "hold" | undefined;

/** True when two assignments differ. Usually they are the same objects, or a few comparisons show that they are equal. */
export function differ(a: ReadonlyMap<string, Assigned>, b: ReadonlyMap<string, Assigned>): boolean {
  for (const slot of a.keys()) if (differs(a.get(slot), b.get(slot))) return true;
  for (const slot of b.keys()) if (!a.has(slot) && differs(undefined, b.get(slot))) return true;
  return false;
}

/** A slot that is not assigned holds the empty chain. */
export function differs(a: Assigned = [], b: Assigned = []): boolean {
  if (a === b) return false;
  if (a === "hold" || b === "hold" || a.length !== b.length) return true;
  return a.some((entry, index) => !isSame(entry, b[index]));
}

function isSame(a: ChainEntry, b: ChainEntry | undefined): boolean {
  if (a === b || b === undefined) return a === b;
  const sameContent = a.hash === b.hash && a.revision === b.revision && a.type === b.type;
  return isSameFilter(a.filter, b.filter) && sameContent && a.placeholder === b.placeholder && a.mustBeThere === b.mustBeThere;
}
