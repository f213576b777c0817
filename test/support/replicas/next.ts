import { SETTLE_MS } from "../../../operator/options.ts";
import { advance, type Observation, retarget } from "../../../operator/rollout/advance.ts";
import type { RolloutState } from "../../../operator/rollout/state.ts";
import { ID, line, POLICY, type Replica, type Seen, UID } from "./parts.ts";

/** What the leader decides next, from what it knows. */
export function nextOf(replica: Replica, fleet: ReadonlyMap<string, Seen>, now: number): RolloutState {
  const { rollout, leadsSince = now, seen } = replica;
  const inWave = [...fleet].filter(([key]) => line.isIn(rollout, ID, key));
  const withdrawal = replica.withdrawals.of(UID, rollout);
  const failed = [...fleet].find(([, { rejected, hung }]) => [rejected, hung].some((one) => one !== undefined && one === rollout.target));
  const fault = withdrawal ?? (failed && { message: `proxy ${failed[0]}: no` });
  const observation: Observation = {
    ...{ now, generation: seen.generation, settled: now - leadsSince >= SETTLE_MS, watchedSince: leadsSince },
    present: () => fleet.size,
    positions: (order) => [...fleet.keys()].map((key) => line.position(order, ID, key)),
    outstanding: inWave.filter(([, { running }]) => running !== rollout.target).length,
    heardUntil: Number.POSITIVE_INFINITY,
    fault: fault && { reason: "Rejected", message: fault.message },
    ...{ before: undefined, paused: false, promote: undefined, abort: undefined },
  };
  const pointed = retarget(rollout, seen.wanted, POLICY, observation);
  return pointed === rollout ? advance(rollout, POLICY, observation).state : pointed;
}
