import type { RolloutPolicy, RolloutStep } from "../../model/filter.ts";
import { type Observation, reachOf, stepCount, stepOf } from "./advance.ts";
import type { RolloutState } from "./state.ts";

export interface WaveAhead {
  /** Index into the policy's steps. */
  readonly index: number;
  readonly step: RolloutStep;
  /** Proxies whose position is below it are in this wave or an earlier one. */
  readonly threshold: number;
}

/** The waves of a rollout from its present step on, as `advance` goes through them while the proxies stay the same. */
export function wavesAhead(state: RolloutState, policy: RolloutPolicy, seen: Pick<Observation, "positions">): readonly WaveAhead[] {
  const { watch } = state;
  const waves: WaveAhead[] = [{ index: state.step, step: stepOf(policy, state), threshold: state.threshold }];
  for (let index = state.step + 1; index < stepCount(policy); index++) {
    const { threshold: before } = waves.at(-1) ?? state;
    const threshold = reachOf(policy, index, state.order, seen, before);
    waves.push({ index, step: stepOf(policy, { watch, step: index }), threshold });
  }
  return waves;
}
