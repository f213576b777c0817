import { findCondition } from "../../model/condition.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";

export type KstatusStatus = "Terminating" | "InProgress" | "Failed" | "Current";

/**
 * What kstatus makes of a custom resource, rule by rule. Flux (`wait`, `dependsOn`), kpt and `flux build` judge objects by it. The rules are those of
 * `Compute` in https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus/status (generic.go and status.go; The Kubernetes Authors, Apache-2.0),
 * stated anew. Versions since 2021 read Ready where none of the other rules decides; the first ones do not: `readsReady`.
 */
export function kstatus({ metadata, status }: WasmFilter, readsReady = true): KstatusStatus {
  if ((metadata.deletionTimestamp ?? "") !== "") return "Terminating";
  const { generation } = metadata;
  const observed = status?.observedGeneration;
  if (generation !== undefined && observed !== undefined && observed !== generation) return "InProgress";
  // The first one that is True decides, in the order of the list.
  for (const { type, status: value } of status?.conditions ?? []) {
    if (type === "Reconciling" && value === "True") return "InProgress";
    if (type === "Stalled" && value === "True") return "Failed";
  }
  const ready = findCondition(status, "Ready")?.status;
  return readsReady && ready !== undefined && ready !== "True" ? "InProgress" : "Current";
}
