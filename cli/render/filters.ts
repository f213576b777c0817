import { shortDigest } from "../../model/digest.ts";
import type { WasmFilter, WasmFilterStatusCondition } from "../../model/gen/wasmfilter.ts";
import { table } from "./table.ts";
import { age } from "./time.ts";

/** The condition of this type, if the operator has written one. */
export function condition(filter: WasmFilter, type: string): WasmFilterStatusCondition | undefined {
  return filter.status?.conditions?.find((each) => each.type === type);
}

/** `registry/repo:tag`, or the URL of a module that is in no registry. */
export function sourceOf({ spec }: WasmFilter): string {
  return spec.image ?? spec.url ?? "";
}

/** What `weir get` prints: the columns of `kubectl get wf`, and a reason if one is not ready. */
export function renderFilters(filters: readonly WasmFilter[], options: { readonly now: number; readonly namespaces: boolean }): string {
  const unready = filters.some((filter) => condition(filter, "Ready")?.status !== "True");
  const head = ["NAME", "IMAGE", "DIGEST", "REVISION", "PROXIES", "READY", "AGE", ...(unready ? ["REASON"] : [])];
  const rows = filters.map((filter) => {
    const cells = row(filter, options.now);
    return options.namespaces ? [filter.metadata.namespace ?? "", ...cells] : cells;
  });
  return `${table(options.namespaces ? ["NAMESPACE", ...head] : head, rows).join("\n")}\n`;
}

function row(filter: WasmFilter, now: number): string[] {
  const { metadata, status } = filter;
  const ready = condition(filter, "Ready");
  return [
    metadata.name,
    sourceOf(filter),
    shortDigest(status?.digest) || "-",
    status?.revision === undefined ? "-" : String(status.revision),
    status?.proxies === undefined ? "-" : `${status.proxies.updated}/${status.proxies.matched}`,
    ready?.status ?? "Unknown",
    age(metadata.creationTimestamp, now),
    ready === undefined ? "NoStatus" : ready.status === "True" ? "" : reasonOf(filter, ready),
  ];
}

/** `(stalled)`: waiting will not help. */
function reasonOf(filter: WasmFilter, { reason }: WasmFilterStatusCondition): string {
  return condition(filter, "Stalled")?.status === "True" ? `${reason} (stalled)` : reason;
}
