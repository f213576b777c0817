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
  | "Resolved"
  | "Verified"
  | "Validated"
  | "Programmed"
  | "Progressing"
  | "RolledBack"
  | "Ready"
  | "Reconciling"
  | "Stalled";
