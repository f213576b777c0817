import { describeMs } from "../../base/duration.ts";
import type { RolloutPolicy, RolloutStep } from "../../model/filter.ts";
import type { FilterEvent } from "../source/source.ts";
import type { Fault, Observation, Setback } from "./advance.ts";
import { isInForce, type Outcome, type RolloutState } from "./state.ts";

/** What a spec without steps asks for: everyone at once, and then a look at how they fare. */
export const WATCHED: RolloutStep = { percent: 100, holdMs: 15_000 };

/** The reasons of setbacks that are no faults: a person decided it, whatever the policy says; time is over. */
export const [ABORTED, DEADLINE] = ["Aborted", "ProgressDeadlineExceeded"];

/** Seen before every proxy has a first revision, these take it back. All else waits until it is in force: then it is told. */
const TAKES_PROXIES_DOWN: ReadonlySet<string> = new Set<Fault["reason"]>(["Rejected", "ProxyHung", "ProxyEnded", "ProxyVanished"]);

/** True for a first revision that is in force and watched: it is stable, as there is no other. */
export function isFirst({ phase, target, stable }: RolloutState): boolean {
  return phase === "Progressing" && target !== undefined && target === stable;
}

/** False for what does not take a watched revision back, as there is none to go back to. */
function mayFail(state: RolloutState, { reason }: Setback): boolean {
  if (isFirst(state)) return false;
  return state.watch === undefined || state.stable !== undefined || TAKES_PROXIES_DOWN.has(reason);
}

/** True where the fault takes the target back at once, whoever learns of it. */
export function takesBack(state: RolloutState, { autoRollback }: Pick<RolloutPolicy, "autoRollback">, fault: Setback): boolean {
  return state.phase === "Progressing" && autoRollback && mayFail(state, fault);
}

/** True where a setback that somebody decided takes the target back, as the rollout and its policy are by now. */
export function stands(state: RolloutState, policy: Pick<RolloutPolicy, "autoRollback">, setback: Setback): boolean {
  if (setback.reason === ABORTED) return state.phase === "Progressing";
  if (setback.reason === DEADLINE) return state.phase === "Progressing" && policy.autoRollback;
  return takesBack(state, policy, setback);
}

/** True for a watched revision that stays in force whatever it does. */
export function isStayed(state: RolloutState, { autoRollback }: RolloutPolicy): boolean {
  return isInForce(state) && (isFirst(state) || !autoRollback);
}

/** What to tell of a revision that is worse than before and stays. `message`: for the history. */
export function stays(state: RolloutState, fault: Setback): { readonly message: string; readonly event: FilterEvent } {
  const message = `${fault.reason}: ${fault.message}`;
  const why = isFirst(state) ? "there is no earlier revision to go back to" : "spec.rollout.autoRollback is off";
  const event = {
    type: "Warning",
    reason: "WatchFailed",
    message: `revision ${state.target} is worse than before and stays, as ${why}: ${message}`,
  } as const;
  return { message, event };
}

/** True for a revision that succeeded as there was none to go back to, or nobody wanted that: see `stays`. */
export function isDoubtful(outcome: Outcome | undefined): boolean {
  return outcome?.result === "Succeeded" && outcome.message !== "";
}

/** Every proxy runs the target; the watch begins. */
export function inForce({ target }: RolloutState, { present }: Observation): FilterEvent {
  const message = `revision ${target} runs on every connected proxy (${present()}); it is watched for ${describeMs(WATCHED.holdMs)}`;
  return { type: "Normal", reason: "InForce", message };
}
