import type { FleetView, ProxyNode } from "../../model/delivery.ts";
import { type FilterRecord, goalOf, refusesTarget, revisionOf } from "../filter/record.ts";
import { position } from "../rollout/wave.ts";
import { type Counts, runningOf, stateOf } from "./counts.ts";

/** What of a record says which proxies it speaks of, and what they should run. */
export type Observed = Pick<FilterRecord, "id" | "key" | "filter" | "revisions" | "rollout" | "refusals">;

/** What the fleet does with one filter, at one moment. */
export interface Sighting {
  readonly counts: Counts;
  /** On the wave line: of the connected proxies, or of all while none is connected. */
  readonly positions: readonly number[];
  /** Proxies in the wave that do not run the target; of those that are lost, the ones that were lost just now. */
  readonly outstanding: number;
  readonly rejections: readonly { readonly proxy: string; readonly message: string }[];
}

/**
 * A proxy that is gone this long is not waited for any more, and counts as vanished when it had been given the target: longer than a reconnect,
 * shorter than a deadline.
 */
export const LOST_AFTER_MS = 5_000;

export function isLost(proxy: ProxyNode, now: number): boolean {
  return !proxy.connected && now - proxy.since >= LOST_AFTER_MS;
}

/** The proxies that a filter's status speaks of: selected, and with the slot in their configuration. */
export function* matchedProxies(record: Observed, fleet: Pick<FleetView, "proxy">, ids: Iterable<string>): Iterable<ProxyNode> {
  const slot = goalOf(record)?.settings.slot ?? record.filter?.settings.slot;
  if (slot === undefined) return;
  for (const id of ids) {
    const proxy = fleet.proxy(id);
    if (proxy?.slots.has(slot)) yield proxy;
  }
}

/** Counts a filter's proxies; costs a look at each. `ids`: the proxies that its selector matches. */
export function observe(record: Observed, fleet: Pick<FleetView, "proxy">, ids: Iterable<string>, now: number): Sighting {
  const goal = goalOf(record);
  const target = revisionOf(record, record.rollout.target);
  const counts = { matched: 0, updated: 0, rejected: 0, pending: 0 };
  const positions: number[] = [];
  const connected: number[] = [];
  const rejections: { proxy: string; message: string }[] = [];
  let outstanding = 0;
  for (const proxy of matchedProxies(record, fleet, ids)) {
    const at = position(record.id, proxy.id);
    const refused = record.refusals.size > 0 && refusesTarget(record, proxy.id);
    const running = runningOf(proxy, record.key, goal?.settings.slot ?? "");
    counts.matched++;
    counts[goal === undefined && !refused ? "pending" : stateOf(proxy, running, goal?.hash ?? "", refused)]++;
    positions.push(at);
    if (proxy.connected) connected.push(at);
    if (refused) rejections.push({ proxy: proxy.id, message: record.refusals.get(proxy.id)?.message ?? "" });
    const inWave = at < record.rollout.threshold && !isLost(proxy, now);
    if (inWave && (refused || !proxy.connected || running?.hash !== target?.hash)) outstanding++;
  }
  rejections.sort((a, b) => (a.proxy < b.proxy ? -1 : 1));
  return { counts, positions: connected.length > 0 ? connected : positions, outstanding, rejections };
}
