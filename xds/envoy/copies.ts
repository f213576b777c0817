import type { ChainEntry } from "../../model/delivery.ts";
import type { RequestMatch } from "../../model/match.ts";
import type { Condition } from "./matcher.ts";

/** One plugin of a chain. In a dark step of a rollout a filter has two. */
export interface Copy extends ChainEntry {
  /** Set beside a new copy: the requests that see that one, and not this. */
  readonly except?: readonly RequestMatch[];
}

/** The plugins of an entry: the new copy comes first. No request meets both. */
export function copiesOf(entry: ChainEntry): readonly Copy[] {
  const { dark } = entry;
  if (dark?.otherwise === undefined) return [entry];
  // A version of Weir tells chains apart by the hashes: this one has the requests in it, as the new copy's has.
  const { formerHash: _, ...rest } = dark.otherwise;
  return [entry, { ...rest, hash: `${rest.hash} beside ${entry.hash}`, except: dark.match }];
}

/** Which requests a copy sees; `undefined`: all. */
export function conditionOf({ settings: { match }, dark, except }: Copy): Condition | undefined {
  const conditions: Condition[] = [
    ...(match === undefined ? [] : [{ kinds: match }]),
    ...(dark === undefined ? [] : [{ kinds: dark.match }]),
    ...(except === undefined ? [] : [{ not: { kinds: except } }]),
  ];
  return conditions.length > 1 ? { all: conditions } : conditions[0];
}
