import type { DeliveredFilter } from "../../model/delivery.ts";
import { filterId } from "../../model/filter.ts";
import { names } from "../protocol/confidential.ts";

/**
 * Which filter of a rejected chain is at fault: the one whose plugin name stands in the message (`Unable to create Wasm plugin shop/auth`),
 * else the only one, beside placeholders, that the proxy did not run before. `undefined` when neither tells.
 */
export function findCulprit(
  filters: readonly DeliveredFilter[],
  running: readonly DeliveredFilter[] | undefined,
  message: string,
): DeliveredFilter | undefined {
  const named = filters.filter(({ filter }) => names(message, filterId(filter)));
  if (named.length === 1) return named[0];
  const before = new Map(running?.map(({ filter, hash }) => [filterId(filter), hash]));
  const changed = filters.filter(({ filter, hash, isPlaceholder }) => isPlaceholder !== true && before.get(filterId(filter)) !== hash);
  return changed.length === 1 ? changed[0] : undefined;
}
