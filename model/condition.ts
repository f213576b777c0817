import type { WasmFilterStatus, WasmFilterStatusCondition } from "./gen/wasmfilter.ts";

/** A Kubernetes condition. https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties */
export interface Condition {
  readonly type: ConditionType;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  /** RFC 3339. Changes only when `status` does. */
  readonly lastTransitionTime: string;
}

export type ConditionType =
  | "Accepted"
  | "Permitted"
  | "Resolved"
  | "Verified"
  | "Validated"
  | "Programmed"
  | "Progressing"
  | "RolledBack"
  | "Ready"
  | "Reconciling"
  | "Stalled";

/** The condition of this type that a status has, if the operator has written one. */
export function findCondition(
  status: Pick<WasmFilterStatus, "conditions"> | undefined,
  type: ConditionType,
): WasmFilterStatusCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}
