import { setTimeout as sleep } from "node:timers/promises";
import type { ProxyFilterView, Views } from "../../hub/index.ts";
import type { FilterKey } from "../../model/filter.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { APPLIED } from "./applied.ts";

const LOOK_MS = 5;

/** What became of a filter that was applied. */
export interface InForce {
  readonly wasmDigest: string;
}

/** Conditions that are False for good when Weir refuses a filter, in the order in which they are reached. */
const GATES = ["Accepted", "Resolved", "Verified", "Validated"] as const;

/**
 * Waits until the proxy runs the filter as it was applied under this mark (`undefined`: as it stands), or until that cannot be: Weir refuses it, or Envoy does. Fails with the message of who did.
 */
export async function inForce(views: Views, key: FilterKey, mark: string | undefined, signal: AbortSignal): Promise<Result<InForce>> {
  for (;;) {
    if (signal.aborted) return fail("Stopped", "stopped while the filter was on its way");
    const found = look(views, key, mark);
    if (found !== undefined) return found;
    await sleep(LOOK_MS);
  }
}

function look(views: Views, key: FilterKey, mark: string | undefined): Result<InForce> | undefined {
  const filter = views.filters().find(({ metadata }) => metadata.name === key.name && metadata.namespace === key.namespace);
  if (filter === undefined || (mark !== undefined && filter.metadata.annotations?.[APPLIED] !== mark)) return undefined;
  const refused = refusal(filter);
  if (refused !== undefined) return fail(refused.reason, refused.message);
  if (filter.status?.observedGeneration !== filter.metadata.generation) return undefined;
  const view = onProxy(views, key);
  if (view === undefined || view.revision !== filter.status?.revision)
    return view?.state === "rejected" ? fail("Rejected", view.message) : undefined;
  if (view.state === "rejected") return fail("Rejected", view.message);
  return view.state === "updated" ? ok({ wasmDigest: view.wasmDigest }) : undefined;
}

function refusal({ metadata, status }: WasmFilter) {
  for (const gate of GATES) {
    const condition = status?.conditions?.find(({ type }) => type === gate);
    if (condition?.status === "False" && condition.observedGeneration === metadata.generation) return condition;
  }
  return undefined;
}

function onProxy(views: Views, { namespace, name }: FilterKey): ProxyFilterView | undefined {
  for (const { slots } of views.proxies())
    for (const { filters } of slots) {
      const found = filters.find((filter) => filter.namespace === namespace && filter.name === name);
      if (found !== undefined) return found;
    }
  return undefined;
}
