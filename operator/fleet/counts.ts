import type { DeliveredFilter, ProxyNode } from "../../model/delivery.ts";
import { type FilterKey, isSameFilter } from "../../model/filter.ts";

/** A filter's proxies by what they do with the revision they are meant to run. `matched` is the sum of the other three. */
export interface Counts {
  readonly matched: number;
  readonly updated: number;
  readonly rejected: number;
  readonly pending: number;
}

/** What the proxy runs of this filter now, by its last acknowledgement. */
export function runningOf(proxy: ProxyNode, key: FilterKey, slot: string): DeliveredFilter | undefined {
  return proxy.slots.get(slot)?.running?.find(({ filter }) => isSameFilter(filter, key));
}

/** A proxy is updated only while it is connected and its workers return: an acknowledgement comes from the main thread alone. Else it counts as pending. */
export function stateOf(
  proxy: ProxyNode,
  running: DeliveredFilter | undefined,
  goalHash: string,
  isRejected: boolean,
): "updated" | "rejected" | "pending" {
  if (isRejected) return "rejected";
  return proxy.connected && proxy.hungSince === undefined && running?.hash === goalHash ? "updated" : "pending";
}
