import type { WasmFilterStatus, WasmFilterStatusHistoryItem } from "./gen/wasmfilter.ts";

/** What a status tells of the filter's revisions, the newest first. */
export function historyOf(status: Pick<WasmFilterStatus, "history"> | undefined): readonly WasmFilterStatusHistoryItem[] {
  return [...(status?.history ?? [])].sort((a, b) => b.revision - a.revision);
}

/** What it tells of the revision that serves. */
export function stableItem(
  status: Pick<WasmFilterStatus, "history" | "stableRevision"> | undefined,
): WasmFilterStatusHistoryItem | undefined {
  return status?.history?.find(({ revision }) => revision === status.stableRevision);
}
