import type { RolloutPolicy, RolloutStep } from "../../model/filter.ts";
import { enter, type Observation } from "./advance.ts";
import type { RolloutState } from "./state.ts";
import { stepCount, stepOf } from "./steps.ts";

export interface WaveAhead {
  /** Index into the policy's steps. */
  readonly index: number;
  readonly step: RolloutStep;
  /** Proxies whose position is below it are in this wave or an earlier one, dark steps apart. */
  readonly threshold: number;
}

/** The waves of a rollout from its present step on, as `advance` goes through them while the proxies stay the same. */
export function wavesAhead(state: RolloutState, policy: RolloutPolicy, seen: Pick<Observation, "positions">): readonly WaveAhead[] {
  let at = state;
  const waves: WaveAhead[] = [{ index: state.step, step: stepOf(policy, state), threshold: state.threshold }];
  for (let index = state.step + 1; index < stepCount(policy); index++) {
    at = enter(at, index, policy, { ...seen, now: state.stepAt });
    waves.push({ index, step: stepOf(policy, at), threshold: at.threshold });
  }
  return waves;
}
