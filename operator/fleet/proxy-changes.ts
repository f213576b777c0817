import type { DeliveredFilter, ProxyNode } from "../../model/delivery.ts";
import { filterId } from "../../model/filter.ts";

/**
 * Ids of the filters of which the proxy runs something else than before; `undefined` when the change concerns every filter that selects it. A filter that
 * is not among them has nothing to count again: without this, one filter's news would cost a look at all proxies of every filter beside it.
 */
export function filtersConcerned(before: ProxyNode | undefined, now: ProxyNode): ReadonlySet<string> | undefined {
  if (before === undefined || before.connected !== now.connected || before.since !== now.since || before.hungSince !== now.hungSince)
    return undefined;
  if (before.namespace !== now.namespace || before.labels !== now.labels || before.slots.size !== now.slots.size) return undefined;
  const changed = new Set<string>();
  for (const [name, { running }] of now.slots) {
    const known = before.slots.get(name);
    if (known === undefined || (known.running === undefined) !== (running === undefined)) return undefined;
    compare(known.running ?? [], running ?? [], changed);
  }
  return changed;
}

function compare(before: readonly DeliveredFilter[], now: readonly DeliveredFilter[], changed: Set<string>): void {
  if (before === now) return;
  const hashes = new Map(before.map(({ filter, hash }) => [filterId(filter), hash]));
  for (const { filter, hash } of now) {
    const id = filterId(filter);
    if (hashes.get(id) !== hash) changed.add(id);
    hashes.delete(id);
  }
  for (const id of hashes.keys()) changed.add(id);
}
