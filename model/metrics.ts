import type { Result } from "./result.ts";

/** Work whose duration is measured. */
export const WORK = ["reconcile", "resolve", "pull", "prove", "token_review", "review"] as const;
export type Work = (typeof WORK)[number];

/** How work ended. `retry`: it failed for now and will be tried again. */
export type Outcome = "success" | "retry" | "failure";

/** Work that is tried again by itself after a failure: of a filter, of writing its status, of a request to a registry. */
export const RETRIED = ["reconcile", "status", "registry"] as const;
export type Retried = (typeof RETRIED)[number];

/** A kind of resource; what is none of Weir's types counts as `other`. */
export const PUSH_TYPES = ["extension_config", "listener", "route", "cluster", "endpoint", "other"] as const;
export type PushType = (typeof PUSH_TYPES)[number];

/** Why a proxy rejected what it was sent, as far as its message tells: a plugin does not load, start or take its configuration, or the resource itself is not valid to it. */
export const NACK_REASONS = ["plugin", "resource", "other"] as const;
export type NackReason = (typeof NACK_REASONS)[number];

/** Why a client was cut off: it speaks no gRPC, its request is not valid, it passed a bound, it did not prove who it is, or it claimed or asked for what it may not. */
export const REFUSAL_REASONS = ["protocol", "request", "limit", "unauthenticated", "denied"] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** How a prover of its own (`weir prover`) failed: nobody answered at its socket, or it was gone before a verdict. */
export const PROVER_FAILURES = ["unavailable", "lost"] as const;
export type ProverFailure = (typeof PROVER_FAILURES)[number];

/** What became of a call of the webhook. `invalid`: it was no API server's question about a pod. */
export const INJECTIONS = ["injected", "unchanged", "refused", "invalid"] as const;
export type InjectionOutcome = (typeof INJECTIONS)[number];

/** What became of a question about a WasmFilter. `unchanged`: nothing of it that is judged changes; `invalid`: it was none, or came when there were too many. */
export const REVIEWS = ["allowed", "warned", "refused", "unchanged", "invalid"] as const;
export type ReviewOutcome = (typeof REVIEWS)[number];

/** What a proof may find and let through (docs/preflight.md). */
export const TOLD_REASONS = ["TrafficFailed", "BrokenMessage", "HeadersHeld"] as const;
export type ToldReason = (typeof TOLD_REASONS)[number];

/** A number that is read when somebody looks. `queue_depth`: filters that wait for their reconcile. */
export const GAUGES = ["proxies", "streams", "queue_depth", "store_bytes"] as const;
export type Gauge = (typeof GAUGES)[number];

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
  proverFailed(how: ProverFailure): void;
  askedToInject(outcome: InjectionOutcome): void;
  reviewed(outcome: ReviewOutcome): void;
  /** A proof found that a module fails requests, and let it through. */
  letThrough(reason: ToldReason): void;
  /** A module's file in the store did not have its digest. */
  storeDamaged(): void;
  /** Says where a gauge is read. A later call for the same gauge takes its place. */
  gauge(name: Gauge, read: () => number | Promise<number>): void;
}

export const silentMetrics: Metrics = {
  start: () => () => {},
  retried() {},
  pushed() {},
  acknowledged() {},
  rejected() {},
  refusedClient() {},
  proverFailed() {},
  askedToInject() {},
  reviewed() {},
  letThrough() {},
  storeDamaged() {},
  gauge() {},
};

export function outcomeOf(result: Result<unknown>): Outcome {
  if (result.ok) return "success";
  return result.error.retryable ? "retry" : "failure";
}
