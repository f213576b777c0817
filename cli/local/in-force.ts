import { setTimeout as sleep } from "node:timers/promises";
import type { ProxyFilterView, Views } from "../../hub/index.ts";
import { findCondition } from "../../model/condition.ts";
import type { Digest } from "../../model/digest.ts";
import { type FilterKey, isSameFilter } from "../../model/filter.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";
import type { PluginSettings } from "../../model/settings.ts";
import { APPLIED } from "./applied.ts";

/** Between two looks, in milliseconds: few when it has just begun, and more when it takes seconds, as a large module does. */
const LOOK_MS = { first: 5, last: 50, share: 0.02 };

/** What became of a filter that was applied. */
export interface InForce {
  readonly wasmDigest: Digest;
}

/** Conditions that are False for good when Weir refuses a filter, in the order in which they are reached. */
const GATES = ["Accepted", "Resolved", "Verified", "Validated"] as const;

/** What is waited for. */
export interface Expected {
  readonly key: FilterKey;
  /** What was applied, and the mark that it was applied under; absent: what the source has of it. */
  readonly applied?: {
    readonly mark: string;
    readonly content: Pick<PluginSettings, "config" | "rootId"> & { readonly wasmDigest: Digest };
  };
}

/** Waits until the proxy runs the filter, or until that cannot be: Weir refuses it, or Envoy does. Fails with the message of who did. */
export async function inForce(views: Views, expected: Expected, signal: AbortSignal): Promise<Result<InForce>> {
  const start = performance.now();
  for (;;) {
    if (signal.aborted) return fail("Stopped", "stopped while the filter was on its way");
    const found = look(views, expected);
    if (found !== undefined) return found;
    await sleep(Math.min(LOOK_MS.last, LOOK_MS.first + LOOK_MS.share * (performance.now() - start)));
  }
}

function look(views: Views, { key, applied }: Expected): Result<InForce> | undefined {
  const filter = views.filters().find(({ metadata }) => metadata.name === key.name && metadata.namespace === key.namespace);
  if (filter === undefined || (applied !== undefined && filter.metadata.annotations?.[APPLIED] !== applied.mark)) return undefined;
  const refused = refusal(filter);
  if (refused !== undefined) return fail(refused.reason, refused.message);
  // Until what was applied is proved, the target is what was before.
  const target = views.revisions(key).find(({ number }) => number === filter.status?.revision);
  if (target === undefined || (applied !== undefined && !isRevisionOf(target, applied.content))) return undefined;
  const view = onProxy(views, key);
  if (view?.state === "rejected") return fail("Rejected", view.message);
  return view?.state === "updated" && view.revision === target.number ? ok({ wasmDigest: view.wasmDigest }) : undefined;
}

function isRevisionOf({ wasmDigest, settings }: Revision, content: NonNullable<Expected["applied"]>["content"]): boolean {
  return wasmDigest === content.wasmDigest && settings.config === content.config && settings.rootId === content.rootId;
}

function refusal({ metadata, status }: WasmFilter) {
  for (const gate of GATES) {
    const condition = findCondition(status, gate);
    if (condition?.status === "False" && condition.observedGeneration === metadata.generation) return condition;
  }
  return undefined;
}

function onProxy(views: Views, key: FilterKey): ProxyFilterView | undefined {
  for (const { slots } of views.eachProxy())
    for (const { filters } of slots) {
      const found = filters.find((filter) => isSameFilter(filter, key));
      if (found !== undefined) return found;
    }
  return undefined;
}
