import { age } from "../../base/elapsed.ts";
import { findCondition } from "../../model/condition.ts";
import { shortDigest } from "../../model/digest.ts";
import type { WasmFilter, WasmFilterStatusCondition } from "../../model/gen/wasmfilter.ts";
import { table } from "./table.ts";

/** `registry/repo:tag`, or the URL of a module that is in no registry. */
export function sourceOf({ spec }: WasmFilter): string {
  return spec.image ?? spec.url ?? "";
}

export interface FilterTable {
  readonly now: number;
  readonly namespaces: boolean;
  /** False: statuses could not be read, so one that is absent says nothing. */
  readonly knowsStatus: boolean;
}

/** What `weir get` prints: the columns of `kubectl get wf`, and a reason if one is not ready. */
export function renderFilters(filters: readonly WasmFilter[], options: FilterTable): string {
  const unready = filters.some(({ status }) => findCondition(status, "Ready")?.status !== "True");
  const head = ["NAME", "IMAGE", "DIGEST", "REVISION", "PROXIES", "READY", "AGE", ...(unready ? ["REASON"] : [])];
  const rows = filters.map((filter) => {
    const cells = row(filter, options);
    return options.namespaces ? [filter.metadata.namespace ?? "", ...cells] : cells;
  });
  return `${table(options.namespaces ? ["NAMESPACE", ...head] : head, rows).join("\n")}\n`;
}

function row(filter: WasmFilter, { now, knowsStatus }: FilterTable): string[] {
  const { metadata, status } = filter;
  const ready = findCondition(status, "Ready");
  return [
    metadata.name,
    sourceOf(filter),
    shortDigest(status?.digest) || "-",
    status?.revision === undefined ? "-" : String(status.revision),
    status?.proxies === undefined ? "-" : `${status.proxies.updated}/${status.proxies.matched}`,
    ready?.status ?? "Unknown",
    age(metadata.creationTimestamp, now),
    ready === undefined ? (knowsStatus ? "NoStatus" : "NotKnown") : ready.status === "True" ? "" : reasonOf(filter, ready),
  ];
}

/** `(stalled)`: waiting will not help. */
function reasonOf({ status }: WasmFilter, { reason }: WasmFilterStatusCondition): string {
  return findCondition(status, "Stalled")?.status === "True" ? `${reason} (stalled)` : reason;
}
