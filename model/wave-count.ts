import type { Analysis } from "./filter.ts";

/** What proxies counted of themselves since they took what they run. */
export interface Counted {
  readonly proxies: number;
  readonly requests: number;
  readonly errors5xx: number;
  readonly latencySumMs: number;
  readonly latencyCount: number;
  readonly vmFailures: number;
  /** Those that were lost and stayed away, or came back as a new process. */
  readonly lost: number;
}

/** What a rollout is judged by, as it is known now. Kept in memory by who decides alone. */
export interface WaveCount {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The proxies that have the target. */
  readonly wave: Counted;
  /** Those on the stable revision in the same time. */
  readonly stable: Counted;
  /** What the wave's proxies had counted before they took the target. */
  readonly before: Pick<Counted, "requests" | "errors5xx" | "latencySumMs" | "latencyCount">;
  readonly limits: Analysis;
}
