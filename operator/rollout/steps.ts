import { isDeepStrictEqual } from "node:util";
import { type Filter, ROLLOUT_DEFAULTS, type RolloutPolicy, type RolloutStep } from "../../model/filter.ts";
import { showMatches } from "../../model/match.ts";
import type { RolloutState } from "./state.ts";
import { WATCHED } from "./watch.ts";

const ALL_AT_ONCE: RolloutStep = { percent: 100, holdMs: 0 };

/** In force while no spec of the filter parses: its rollout stays where it is, and a fault still takes it back. */
const NO_POLICY: RolloutPolicy = {
  steps: [],
  isWatched: false,
  progressDeadlineMs: Number.POSITIVE_INFINITY,
  autoRollback: ROLLOUT_DEFAULTS.autoRollback,
  analysis: ROLLOUT_DEFAULTS.analysis,
};

/** The policy that is in force. `filter`: as its spec in force parses; `undefined`: none does. */
export function policyOf(filter: Pick<Filter, "rollout"> | undefined): RolloutPolicy {
  return filter?.rollout ?? NO_POLICY;
}

/** A step of the spec, from 0. After the last one everyone has the target. */
export function plannedStep({ steps }: RolloutPolicy, step: number): RolloutStep {
  return steps[step] ?? ALL_AT_ONCE;
}

/** The present step. */
export function stepOf(policy: RolloutPolicy, { watch, step }: Pick<RolloutState, "watch" | "step">): RolloutStep {
  return watch === undefined ? plannedStep(policy, step) : WATCHED;
}

export function stepCount(policy: RolloutPolicy): number {
  return Math.max(1, policy.steps.length);
}

/** False when the spec names other requests for the present step than those that see the target: the step begins anew. */
export function hasMatch(state: RolloutState, policy: RolloutPolicy): boolean {
  return isDeepStrictEqual(stepOf(policy, state).match, state.match);
}

/** A step, for people. */
export function inWords({ percent, match }: RolloutStep): string {
  return match === undefined ? `${percent}%` : `${percent}%, only ${showMatches(match)}`;
}
