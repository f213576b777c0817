import type { ClusterState } from "./read/cluster-state.ts";

/** Another Weir, as this server knows it. */
export interface OtherCluster {
  readonly name: string;
  /** Where its pages are, for people. */
  readonly url: string;
  /** What it told last. Absent: it never answered. */
  readonly state?: ClusterState;
  /** Why it could not be asked when that was tried last; absent: it answered. */
  readonly trouble?: string;
}

/** Other Weirs, asked through their read APIs. */
export interface Others {
  /** All of them, at once with what they told last; who was not asked lately is asked meanwhile. `isBehind`: that is under way. */
  take(): Promise<{ readonly clusters: readonly OtherCluster[]; readonly isBehind: boolean }>;
  close(): void;
}
