import type { RequestMatch } from "../../model/match.ts";
import type { RevisionResult } from "../../model/revision.ts";
import type { Tally } from "./health.ts";
import type { WaveOrder } from "./wave.ts";

/**
 * Where a filter's rollout stands.
 * - `Idle`: no revision yet.
 * - `Progressing`: the target is going out, wave by wave.
 * - `Succeeded`: every wave passed; target and stable are the same.
 * - `RolledBack`: the target failed; everyone is on stable.
 * - `Rejected`: the target failed and there was no stable to go back to.
 */
export type Phase = "Idle" | "Progressing" | "Succeeded" | "RolledBack" | "Rejected";

/** What became of a revision. */
export interface Outcome {
  readonly result: RevisionResult;
  readonly message: string;
  /** metadata.generation when it was decided: a failed revision is not tried again while the spec is the same. */
  readonly generation: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** A target that goes to everyone at once is watched from the moment that every proxy runs it. */
export interface Watch {
  /** What its proxies answered on stable before; `undefined` until it is in force. */
  readonly before: Tally | undefined;
}

/** All that has to survive a restart. Kept in the filter's status; times in milliseconds since the epoch. */
export interface RolloutState {
  readonly phase: Phase;
  /** Revision numbers. */
  readonly target: number | undefined;
  readonly stable: number | undefined;
  /** Index into the policy's steps. */
  readonly step: number;
  /** Proxies whose position is below it get the target. See wave.ts. */
  readonly threshold: number;
  /** Which position of a proxy that is. It stays while the rollout is under way. */
  readonly order: WaveOrder;
  readonly startedAt: number;
  /** When the current step began. */
  readonly stepAt: number;
  /** When every proxy of the wave had acknowledged; the hold counts from here. */
  readonly heldSince: number | undefined;
  /** In a dark step: the requests that see the target on the proxies of the wave, the others see stable. */
  readonly match: readonly RequestMatch[] | undefined;
  /** `undefined`: the target goes by the policy's steps, or is proven. Only while `Progressing`. */
  readonly watch: Watch | undefined;
  /** Revision number -> what became of it. */
  readonly outcomes: ReadonlyMap<number, Outcome>;
}

/** True while every proxy runs the target and it is watched: stable is what it may go back to. */
export function isInForce({ phase, watch, heldSince }: RolloutState): boolean {
  return phase === "Progressing" && watch !== undefined && heldSince !== undefined;
}

/** The number of the revision that proxies are on: stable, or the target while every proxy runs it and it is watched. */
export function servedNumber(rollout: RolloutState): number | undefined {
  return isInForce(rollout) ? rollout.target : rollout.stable;
}

/** True for a step that proxies may see only once it is recorded. */
export function goesForward(before: RolloutState, after: RolloutState): boolean {
  return after.phase === "Progressing" || (after.phase === "Succeeded" && after.stable !== before.stable);
}

export const idle: RolloutState = {
  phase: "Idle",
  target: undefined,
  stable: undefined,
  step: 0,
  threshold: 0,
  order: "hmac",
  startedAt: 0,
  stepAt: 0,
  heldSince: undefined,
  match: undefined,
  watch: undefined,
  outcomes: new Map(),
};

/** Which of a filter's revisions a proxy gets; `undefined`: none, the filter is not in its chain. */
export function assigned(state: RolloutState, isInWave: () => boolean, rejectedTarget: boolean): number | undefined {
  switch (state.phase) {
    case "Idle":
    case "Rejected":
      return undefined;
    case "Succeeded":
    case "RolledBack":
      return state.stable;
    case "Progressing":
      return !rejectedTarget && isInWave() ? state.target : state.stable;
  }
}
