import type { Result } from "./result.ts";

/** Work whose duration is measured. */
export type Work = "reconcile" | "resolve" | "pull" | "prove";

/** How work ended. `retry`: it failed for now and will be tried again. */
export type Outcome = "success" | "retry" | "failure";

/** Work that is tried again by itself after a failure. */
export type Retried = "reconcile" | "status" | "http";

/** A kind of resource; what is none of Weir's types counts as `other`. */
export type PushType = "extension_config" | "listener" | "route" | "cluster" | "endpoint" | "other";

/** Why a proxy rejected what it was sent, as far as its message tells. */
export type NackReason = "module" | "configuration" | "type" | "other";

/** Why a client was cut off: not gRPC, a request that is not valid, or a bound that it passed. */
export type RefusalReason = "protocol" | "request" | "limit";

/** A number that is read when somebody looks. `queue_depth`: filters that wait for their reconcile. */
export type Gauge = "proxies" | "streams" | "queue_depth" | "store_bytes";

/**
 * What the rooms tell of their work. Every argument is one of a fixed set or a number, so the number of time series is bounded.
 * docs/metrics.md lists the metrics that come of it.
 */
export interface Metrics {
  /** Starts a measurement; call what it returns once, with the outcome. */
  start(work: Work): (outcome: Outcome) => void;
  retried(what: Retried): void;
  pushed(type: PushType): void;
  /** A proxy accepted a response, `seconds` after it was sent. */
  acknowledged(type: PushType, seconds: number): void;
  rejected(reason: NackReason): void;
  refusedClient(reason: RefusalReason): void;
  /** Says where a gauge is read. A later call for the same gauge takes its place. */
  gauge(name: Gauge, read: () => number): void;
}

export const silentMetrics: Metrics = {
  start: () => () => {},
  retried() {},
  pushed() {},
  acknowledged() {},
  rejected() {},
  refusedClient() {},
  gauge() {},
};

export function outcomeOf(result: Result<unknown>): Outcome {
  if (result.ok) return "success";
  return result.error.retryable ? "retry" : "failure";
}
