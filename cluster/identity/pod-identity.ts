import { createFairTurns } from "../../base/fair-turns.ts";
import type { Clock } from "../../model/clock.ts";
import type { Pods, TokenReviewer } from "../../model/identity.ts";
import type { ClusterAccess } from "../../model/kube.ts";
import type { Log } from "../../model/log.ts";
import type { Metrics } from "../../model/metrics.ts";
import { createPods } from "./pods.ts";
import { createTokenReviewer } from "./token-reviewer.ts";

export interface PodIdentityOptions {
  readonly cluster: ClusterAccess;
  /** What tokens must be made for; `undefined`: tokens are not reviewed. */
  readonly audience: string | undefined;
  /** A client that proved its pod by a token must have an address of that pod. */
  readonly checksAddress: boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** 0 to 1. */
  readonly random: () => number;
}

/** Who a pod is, as the cluster says. */
export interface PodIdentity {
  readonly reviewer: TokenReviewer | undefined;
  readonly pods: Pods;
  /** Ends the watch on pods. */
  stop(): Promise<void>;
}

/** Requests to the API server at once: it answers 1,700 reviews a second with 8. A client that waits for a second comes again; more than these wait for no good. */
const TURNS = { places: 8, waiting: 8_192, waitingPerKey: 4_096 };

export function openPodIdentity({ cluster, audience, checksAddress, clock, log, metrics, random }: PodIdentityOptions): PodIdentity {
  const { api } = cluster;
  const turns = createFairTurns(TURNS);
  const pods = createPods({ ...cluster, turns, checksAddress, clock, log, random });
  const reviewer = audience === undefined ? undefined : createTokenReviewer({ api, audience, turns, clock, log, metrics });
  return { reviewer, pods, stop: () => pods.stop() };
}
