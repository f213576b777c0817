import { createFairTurns } from "../../base/fair-turns.ts";
import type { KeyedHash } from "../../base/keyring.ts";
import type { Clock } from "../../model/clock.ts";
import type { Pods, TokenReviewer, Vouched, Vouching } from "../../model/identity.ts";
import type { ClusterAccess } from "../../model/kube.ts";
import type { Log } from "../../model/log.ts";
import type { Metrics } from "../../model/metrics.ts";
import { createPods, type PodsOptions } from "./pods.ts";
import { createTokenReviewer, type TokenReviewerOptions } from "./token-reviewer.ts";

export interface PodIdentityOptions {
  readonly cluster: ClusterAccess;
  /** What tokens must be made for; `undefined`: tokens are not reviewed. */
  readonly audience: string | undefined;
  /** A client that proved its pod by a token must have an address of that pod. */
  readonly checksAddress: boolean;
  /** Of tokens: all replicas have one key for it. */
  readonly hash: KeyedHash;
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
  readonly vouching: Vouching;
  /** Ends the watch on pods. */
  stop(): Promise<void>;
}

/** Requests to the API server at once: it answers 1,700 reviews a second with 8. A client that waits for a second comes again; more than these wait for no good. */
const TURNS = { places: 8, waiting: 8_192, waitingPerKey: 4_096 };

export function openPodIdentity({ cluster, audience, hash, checksAddress, clock, log, metrics, random }: PodIdentityOptions): PodIdentity {
  const { api } = cluster;
  const turns = createFairTurns(TURNS);
  const listeners = new Set<(vouched: Vouched) => void>();
  const tell = (vouched: Partial<Vouched>) => {
    for (const listener of listeners) listener({ tokens: [], pods: [], ...vouched });
  };
  const isSo: PodsOptions["isSo"] = (pod) => tell({ pods: [pod] });
  const isGone: PodsOptions["isGone"] = (uid) => reviewer?.forgetPod(uid);
  const pods = createPods({ ...cluster, turns, checksAddress, isSo, isGone, clock, log, random });
  const reviewed: TokenReviewerOptions["reviewed"] = (token) => tell({ tokens: [token] });
  const reviewer = audience === undefined ? undefined : createTokenReviewer({ api, audience, turns, hash, reviewed, clock, log, metrics });
  const vouching: Vouching = {
    all: () => ({ tokens: reviewer?.known() ?? [], pods: pods.known() }),
    onVouched(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    take(vouched) {
      reviewer?.learn(vouched.tokens.filter(({ uid }) => !pods.isGone(uid)));
      pods.learn(vouched.pods);
    },
  };
  return { reviewer, pods, vouching, stop: () => pods.stop() };
}
