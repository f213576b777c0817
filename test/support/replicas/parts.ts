import { createKeyring } from "../../../base/keyring.ts";
import { Election } from "../../../cluster/replicas/election.ts";
import type { ChainEntry } from "../../../model/delivery.ts";
import type { RolloutPolicy } from "../../../model/filter.ts";
import type { Revision } from "../../../model/revision.ts";
import { DEFAULT_SETTINGS } from "../../../model/settings.ts";
import { idle, type RolloutState } from "../../../operator/rollout/state.ts";
import { WaveLine } from "../../../operator/rollout/wave.ts";
import type { ServedFilter } from "../../../operator/serve/place.ts";
import { createWithdrawals } from "../../../operator/serve/withdrawals.ts";

export const KEY = { namespace: "shop", name: "f" };
export const ID = "shop/f";
export const UID = "uid";
export const line = new WaveLine(createKeyring(Buffer.alloc(32, "private")).keyedHash("wave position"));
export const POLICY: RolloutPolicy = {
  steps: [
    { percent: 50, holdMs: 4_000 },
    { percent: 67, holdMs: 4_000 },
    { percent: 100, holdMs: 0 },
  ],
  isWatched: false,
  progressDeadlineMs: 600_000,
  autoRollback: true,
  analysis: { minRequests: 50, max5xxRisePercent: 5, maxLatencyRatio: 3 },
};
/** How long a follower that hears nothing of the leader lets it count. */
export const FRESH_MS = 5_000;
/** A step back waits for its record no longer. */
export const STEP_BACK_MS = 250;

/** What the API server holds: the wish (which revision), and the record. */
export interface Stored {
  readonly version: number;
  readonly generation: number;
  readonly wanted: number;
  readonly rollout: RolloutState;
}

/** What a replica asked the API server for and what is not there yet. */
export interface Request {
  readonly run: () => void;
}

/** Between two replicas: what is under way in one direction. Whatever is lost ends the stream, and the next one begins with everything. */
export interface Link {
  isOpen: boolean;
  isCut: boolean;
  readonly queue: (() => void)[];
}

export interface ModelProxy {
  readonly key: string;
  at: Replica | undefined;
  running: number | undefined;
  sent: number | undefined;
  /** What it hangs with: it took it, and serves nothing. */
  hung: number | undefined;
}

/** What a replica knows of a proxy. */
export interface Seen {
  readonly running: number | undefined;
  readonly rejected: number | undefined;
  readonly hung: number | undefined;
}

export interface Replica {
  readonly id: string;
  /** Its name in elections: another one after each start. */
  readonly process: string;
  readonly rate: number;
  readonly offset: number;
  isAlive: boolean;
  /** False: nothing that it asks the API server for arrives, until it is true again. */
  reachesApi: boolean;
  election: Election;
  seen: Stored;
  rollout: RolloutState;
  leadsSince: number | undefined;
  proposal: { readonly state: RolloutState; readonly isForward: boolean; readonly madeAt: number; isWritten: boolean } | undefined;
  withdrawals: ReturnType<typeof createWithdrawals>;
  /** Its own proxies, by key. */
  readonly own: Map<string, Seen>;
  /** Those of others, by replica. */
  readonly reported: Map<string, Map<string, Seen>>;
  heardLeaderAt: number;
  /** Modules, by the revision that has them. A new process has none. */
  readonly store: Set<number>;
  requests: Request[];
}

/** `store`: the revisions whose modules are there. */
export function servedFilter(rollout: RolloutState, store: ReadonlySet<number>): ServedFilter {
  const numbers = Array.from({ length: 40 }, (_, index) => index + 1);
  const settings = DEFAULT_SETTINGS;
  return {
    ...{ id: ID, key: KEY, rollout, isHeld: false, slot: settings.slot, demand: undefined },
    revisions: numbers.map((number) => ({ number, hash: `h${number}`, settings }) as Revision),
    deliverable: new Map(
      [...store].map((number) => [number, { filter: KEY, revision: number, hash: `h${number}`, settings } as ChainEntry]),
    ),
  };
}

/** Revision 1 succeeded before. */
export function recordOfFirst(): RolloutState {
  const outcomes = new Map([[1, { result: "Succeeded", message: "", generation: 1, at: 0 }]] as const);
  return { ...idle, phase: "Succeeded", target: 1, stable: 1, outcomes };
}

/** All proxies that it knows of. */
export function fleetOf(replica: Replica): Map<string, Seen> {
  const all = new Map<string, Seen>();
  for (const proxies of replica.reported.values()) for (const [key, seen] of proxies) all.set(key, seen);
  for (const [key, seen] of replica.own) all.set(key, seen);
  return all;
}

/** A new process of a replica: it knows what the API server tells it. */
export function newReplica(id: string, process: string, clock: Pick<Replica, "rate" | "offset">, seen: Stored): Replica {
  return {
    ...{ id, process, ...clock, isAlive: true, reachesApi: true, election: new Election(process) },
    ...{ seen, rollout: seen.rollout, leadsSince: undefined, proposal: undefined, withdrawals: createWithdrawals() },
    ...{ own: new Map(), reported: new Map(), heardLeaderAt: Number.NEGATIVE_INFINITY, requests: [], store: new Set<number>() },
  };
}
