import type { FilterRecord } from "../filter/record.ts";
import { revisionOf } from "../filter/revisions.ts";

/** What a filter asks for of the slots of its namespace. */
export interface Claim {
  readonly id: string;
  /** `undefined`: its spec cannot be read, and it asks for none. */
  readonly slot: string | undefined;
  /** Slots in which it has a revision that serves, goes out, or is about to. */
  readonly holds: ReadonlySet<string>;
  /** RFC 3339; empty where that is not known. */
  readonly created: string;
}

/** The claim of a filter as it is now. */
export function claimOf(record: FilterRecord): Claim {
  const { id, object, rollout, proposal } = record;
  const out = [rollout.stable, rollout.target, proposal?.state.target].map((number) => revisionOf(record, number)?.settings.slot);
  const holds = new Set(out.filter((slot) => slot !== undefined));
  return { id, slot: record.slot, holds, created: object.metadata.creationTimestamp ?? "" };
}

/**
 * The place of a claim among all of its namespace for its slot, from 1 on. Those that are in the slot come first, so that what one filter does takes nothing from
 * another; then the older ones, and of equally old ones those that are first by name. The same claims give the same places.
 */
export function placeOf(own: Claim, claims: Iterable<Claim>): number {
  const { slot } = own;
  if (slot === undefined) return 1;
  let place = 1;
  for (const other of claims) {
    if (other.id !== own.id && (other.slot === slot || other.holds.has(slot)) && isBefore(other, own, slot)) place += 1;
  }
  return place;
}

function isBefore(a: Claim, b: Claim, slot: string): boolean {
  const [heldByA, heldByB] = [a.holds.has(slot), b.holds.has(slot)];
  if (heldByA !== heldByB) return heldByA;
  if (a.created !== b.created) return a.created < b.created;
  return a.id < b.id;
}
