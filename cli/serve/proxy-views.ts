import type { ProxyFilterView, ProxyView } from "../../hub/index.ts";
import type { DeliveredFilter, ProxyNode, SlotDelivery } from "../../model/delivery.ts";
import { type FilterKey, filterId } from "../../model/filter.ts";

/** What a proxy rejected of a filter, as the operator remembers it. */
export interface RejectedFilter {
  readonly key: FilterKey;
  readonly revision: number;
  readonly digest: DeliveredFilter["digest"];
  readonly wasmDigest: DeliveredFilter["wasmDigest"];
  readonly slot: string;
  readonly message: string;
}

/**
 * A proxy as the read API shows it. A filter's revision and digest are what the proxy acknowledged and runs; where it runs none yet, what it is
 * to get. `state` says whether it runs what it should, `message` what is missing.
 */
export function viewProxy(proxy: ProxyNode, refused: readonly RejectedFilter[]): ProxyView {
  const { id, namespace, labels, connected } = proxy;
  const slots = [...proxy.slots.values()].map((slot) => ({ name: slot.slot, filters: viewSlot(slot, obstacleOf(proxy), refused) }));
  return { id, namespace, labels, connected, slots: slots.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

/** Why the proxy counts as not updated, whatever it acknowledged. */
function obstacleOf({ connected, hungSince, isUnheard }: ProxyNode): string | undefined {
  if (isUnheard === true) return "the replica that serves the proxy is not heard";
  if (!connected) return "the proxy is not connected";
  return hungSince === undefined ? undefined : "the proxy hangs: a worker thread does not return; start it anew";
}

function viewSlot(slot: SlotDelivery, obstacle: string | undefined, refused: readonly RejectedFilter[]): ProxyFilterView[] {
  const running = new Map((slot.running ?? []).map((entry) => [filterId(entry.filter), entry]));
  const views = slot.desired.map((desired) => {
    const id = filterId(desired.filter);
    const now = running.get(id);
    running.delete(id);
    return viewFilter(
      desired,
      now,
      obstacle,
      refused.find((entry) => filterId(entry.key) === id && entry.slot === slot.slot),
    );
  });
  for (const leaving of running.values()) {
    if (!refused.some((entry) => filterId(entry.key) === filterId(leaving.filter))) {
      views.push(show(leaving, "pending", "is to be taken out of the chain"));
    }
  }
  for (const entry of refused) {
    if (entry.slot !== slot.slot || views.some((view) => view.name === entry.key.name && view.namespace === entry.key.namespace)) continue;
    const { key, revision, digest, wasmDigest } = entry;
    views.push({ ...key, revision, digest, wasmDigest, state: "rejected", message: entry.message });
  }
  return views;
}

/** Beside the stable revision. */
const IN_THE_DARK = "only the requests of the present step see it";

/** What a placeholder does. */
const ANSWERS_503 = "requests are answered with 503 in its place";

function viewFilter(
  desired: DeliveredFilter,
  running: DeliveredFilter | undefined,
  obstacle: string | undefined,
  refused: RejectedFilter | undefined,
): ProxyFilterView {
  const closed = running?.isPlaceholder === true ? `; ${ANSWERS_503}` : "";
  if (refused !== undefined) {
    const shown = closed === "" ? (running ?? desired) : { ...refused, filter: refused.key };
    return show(shown, "rejected", `revision ${refused.revision} rejected: ${refused.message}${closed}`);
  }
  if (obstacle !== undefined) return show(running ?? desired, "pending", obstacle);
  if (desired.isPlaceholder) return show(desired, "pending", `nothing of it can be served${closed}`);
  if (running?.hash === desired.hash) return show(running, "updated", running.plugin === undefined ? "" : IN_THE_DARK);
  if (running === undefined) return show(desired, "pending", "not acknowledged yet");
  if (running.isPlaceholder) return show(desired, "pending", `not acknowledged yet${closed}`);
  return show(running, "pending", `waits for revision ${desired.revision}`);
}

function show(
  { filter, revision, digest, wasmDigest }: Omit<DeliveredFilter, "hash">,
  state: ProxyFilterView["state"],
  message: string,
): ProxyFilterView {
  return { namespace: filter.namespace, name: filter.name, revision, digest, wasmDigest, state, message };
}
