import type { RolloutPolicy, RolloutStep } from "../../model/filter.ts";
import type { Withdrawal } from "../../model/replicas.ts";
import { isTakenBack } from "../../model/revision.ts";
import type { FilterEvent } from "../source/source.ts";
import type { Tally } from "./health.ts";
import { isInForce, type Outcome, type RolloutState } from "./state.ts";
import { hasMatch, inWords, plannedStep, stepCount, stepOf } from "./steps.ts";
import { ABORTED, DEADLINE, inForce, isDoubtful, isFirst, isStayed, stands, stays } from "./watch.ts";
import { EVERYONE, threshold, type WaveOrder } from "./wave.ts";

/** A fault that speaks against the target: a rejection, a proxy that hangs, ended or vanished, failing VMs, a rise of errors. */
export interface Fault {
  readonly reason: "Rejected" | "ProxyHung" | "ProxyEnded" | "ProxyVanished" | "VmFailed" | "ErrorsRose" | "LatencyRose";
  readonly message: string;
}

/** What is seen of the fleet at one moment, for one filter. */
export interface Observation {
  readonly now: number;
  readonly generation: number;
  /** False right after a start, while proxies are still coming back: nothing moves forward then. */
  readonly settled: boolean;
  /** Since when this operator has been watching this filter's proxies; nobody saw what happened before. */
  readonly watchedSince: number;
  /** How many proxies are matched and connected, or matched while none is connected. */
  readonly present: () => number;
  /** Their positions (wave.ts). */
  readonly positions: (order: WaveOrder) => readonly number[];
  /** Matched proxies in the wave that do not run the target now: not yet acknowledged, rejected, hung, just lost, or not heard from since. */
  readonly outstanding: number;
  /** Up to when the wave's proxies have reported how they fare; infinite when none of them reports. */
  readonly heardUntil: number;
  /** A fault, or what took the target back at another replica. */
  readonly fault: Setback | undefined;
  /** What the wave's proxies had answered when they took the target, in all; `undefined` while that is not known. */
  readonly before: Tally | undefined;
  readonly paused: boolean;
  /** A person's permission for this revision to leave this step (1-based) and those before it without waiting for hold or pause. */
  readonly promote: { readonly revision: number; readonly step: number } | undefined;
  /** Revision number that a person aborted. */
  readonly abort: number | undefined;
}

/** Why a target is taken back: a fault, or what the operator or a person decided. */
export type Setback = Pick<Withdrawal, "reason" | "message">;

export interface Advance {
  readonly state: RolloutState;
  /** Set when the target that was going out is taken back. */
  readonly setback?: Setback;
  readonly events: readonly FilterEvent[];
  /** Milliseconds since the epoch at which to look again though nothing happened; `undefined`: no need. */
  readonly wakeAt: number | undefined;
}

/** Of rollouts that begin now. */
const ORDER: WaveOrder = "hmac";
/** After a start a hold that was under way lasts at least this long (or its whole time, if that is shorter): its proxies must be watched for a while. */
const LEAST_WATCH_MS = 10_000;
/** How long after a hold the last reports of its proxies are waited for. Envoy sends one a second, a little later after a reconnect. */
const LAST_REPORTS_MS = 15_000;

/** Only a rollout under way has these. */
const ENDED = { heldSince: undefined, match: undefined, watch: undefined } satisfies Partial<RolloutState>;

function withOutcome(state: RolloutState, revision: number, outcome: Outcome): ReadonlyMap<number, Outcome> {
  return new Map(state.outcomes).set(revision, outcome);
}

/**
 * Points the rollout at a revision. Nothing moves when it is the target already, or when it failed before under the same generation.
 * A revision that succeeded once in this filter's history is proven: it goes to everyone at once, so that rolling back by hand is immediate.
 */
export function retarget(
  state: RolloutState,
  revision: number,
  policy: RolloutPolicy,
  seen: Pick<Observation, "now" | "generation" | "positions" | "settled">,
): RolloutState {
  const outcome = state.outcomes.get(revision);
  const failedBefore = isTakenBack(outcome?.result);
  if (failedBefore && outcome.generation === seen.generation) return state.target === revision ? state : failedAgain(state, revision);
  if (state.target === revision && !failedBefore) return reconsidered(state, seen);
  const proven = outcome?.result === "Succeeded" && !isDoubtful(outcome);
  const watch = policy.isWatched && !proven ? { before: isFirst(state) ? undefined : state.watch?.before } : undefined;
  const step = proven ? stepCount(policy) - 1 : 0;
  const reach = proven ? EVERYONE : reachOf(policy, step, ORDER, seen, 0);
  const match = proven ? undefined : policy.steps[step]?.match;
  // A wave cut out of a part of the fleet would not be the share that was asked for.
  if (!seen.settled && reach !== EVERYONE && revision !== state.stable) return state;
  const outcomes = new Map(state.outcomes);
  if (state.phase === "Progressing" && state.target !== undefined && !isFirst(state)) {
    const message = `replaced by revision ${revision} ${reachedSoFar(state)}`;
    outcomes.set(state.target, { result: "Superseded", message, generation: seen.generation, at: seen.now });
  }
  if (revision === state.stable) return { ...state, phase: "Succeeded", target: revision, threshold: EVERYONE, ...ENDED, outcomes };
  outcomes.set(revision, { result: "Progressing", message: "", generation: seen.generation, at: seen.now });
  return {
    phase: "Progressing",
    target: revision,
    stable: state.stable,
    step,
    threshold: reach,
    order: ORDER,
    startedAt: seen.now,
    stepAt: seen.now,
    heldSince: undefined,
    match,
    watch,
    outcomes,
  };
}

/** How far a rollout under way had come. */
function reachedSoFar(state: RolloutState): string {
  if (state.match !== undefined) return "in a dark step, when only some requests saw it";
  if (isInForce(state)) return "while it was watched on every proxy";
  const isEverywhere = state.threshold === EVERYONE && state.heldSince !== undefined;
  return isEverywhere ? "in the hold of its last step, on every proxy" : "before it had reached every proxy";
}

/** The spec changed and asks for the target all the same: what spoke against it is known. */
function reconsidered(state: RolloutState, { generation }: Pick<Observation, "generation">): RolloutState {
  const outcome = state.outcomes.get(state.target ?? 0);
  if (state.phase !== "Succeeded" || !isDoubtful(outcome) || outcome?.generation === generation) return state;
  return {
    ...state,
    outcomes: withOutcome(state, state.target ?? 0, { result: "Succeeded", message: "", generation, at: outcome?.at ?? 0 }),
  };
}

/** The threshold of a step's wave. Positions are looked up only where they decide. */
function reachOf(
  policy: RolloutPolicy,
  step: number,
  order: WaveOrder,
  { positions }: Pick<Observation, "positions">,
  atLeast: number,
): number {
  const { percent } = plannedStep(policy, step);
  return percent >= 100 ? EVERYONE : threshold(percent, positions(order), atLeast);
}

/** The spec asks for a revision that is known to fail: remember it as the target, serve stable. */
function failedAgain(state: RolloutState, revision: number): RolloutState {
  return { ...state, target: revision, phase: state.stable === undefined ? "Rejected" : "RolledBack", ...ENDED };
}

/** Moves a rollout by at most one transition. Pure: the same state and observation give the same answer. See docs/rollout.md for the states. */
export function advance(before: RolloutState, policy: RolloutPolicy, seen: Observation): Advance {
  if (before.phase !== "Progressing" || before.target === undefined) return stay(before);
  const state = withoutFuture(before, seen.now);
  const setback = setbackOf(state, policy, seen);
  if (setback !== undefined) return fail(state, setback, seen);
  if (seen.fault !== undefined && isStayed(state, policy)) return succeed(state, seen, stays(state, seen.fault));
  if (!seen.settled) return stay(state);
  if (!seen.paused && !hasMatch(state, policy)) return { state: enter(state, state.step, policy, seen), events: [], wakeAt: undefined };
  const waiting = seen.outstanding > 0;
  if (waiting && state.heldSince === undefined) return stay(state, later(deadlineOf(state, policy, seen.watchedSince), seen.now));
  const held: RolloutState = state.heldSince === undefined ? hold(state, seen) : withBefore(state, seen);
  const step = stepOf(policy, state);
  const promoted = seen.promote !== undefined && seen.promote.revision === state.target && state.step < seen.promote.step;
  const begins = state.heldSince === undefined && held.watch !== undefined ? [inForce(held, seen)] : [];
  if (seen.paused || (step.pause === true && !promoted)) return { ...stay(held), events: begins };
  const isAlone = held.watch !== undefined && seen.present() === 0;
  const until = promoted || isAlone ? seen.now : holdEnd(held, step, seen.watchedSince);
  if (seen.now < until) return { ...stay(held, until), events: begins };
  const unheard = !promoted && step.holdMs > 0 && seen.heardUntil < until;
  if (unheard && seen.now < until + LAST_REPORTS_MS) return stay(held, until + LAST_REPORTS_MS);
  // Whoever came during a watch does not prolong it.
  if (waiting && held.watch === undefined) return stay(held, later(deadlineOf(held, policy, seen.watchedSince), seen.now));
  return held.watch === undefined && state.step + 1 < stepCount(policy) ? nextWave(held, policy, seen) : succeed(held, seen);
}

/** Notes what a watched target is held against, once that is known. */
function withBefore(state: RolloutState, { before }: Pick<Observation, "before">): RolloutState {
  const isKnown = state.watch === undefined || state.watch.before !== undefined || before === undefined;
  return isKnown ? state : { ...state, watch: { before } };
}

/** Every proxy of the wave has the target. A first revision that is in force is what later ones go back to. */
function hold(state: RolloutState, { now, before, generation }: Observation): RolloutState {
  const { watch, target, stable } = state;
  if (watch === undefined || target === undefined) return { ...state, heldSince: now };
  const held = withBefore({ ...state, heldSince: now }, { before });
  if (stable !== undefined) return held;
  return { ...held, stable: target, outcomes: withOutcome(held, target, { result: "Succeeded", message: "", generation, at: now }) };
}

function stay(state: RolloutState, wakeAt?: number): Advance {
  return { state, events: [], wakeAt };
}

function later(at: number, now: number): number | undefined {
  return at > now ? at : undefined;
}

/** A clock that was set back must not leave times in the future: the rollout would wait for them. */
function withoutFuture(state: RolloutState, now: number): RolloutState {
  const { stepAt, heldSince } = state;
  if (stepAt <= now && (heldSince === undefined || heldSince <= now)) return state;
  return { ...state, stepAt: Math.min(stepAt, now), heldSince: heldSince === undefined ? undefined : Math.min(heldSince, now) };
}

function holdEnd(state: RolloutState, { holdMs }: RolloutStep, watchedSince: number): number {
  return Math.max((state.heldSince ?? 0) + holdMs, watchedSince + Math.min(holdMs, LEAST_WATCH_MS));
}

/**
 * When a wave that still waits for proxies counts as failed: `progressDeadline` after it began, or, where all had acknowledged once (proxies came
 * or were lost since), after its hold. Time without a running operator does not count.
 */
export function deadlineOf(state: RolloutState, policy: RolloutPolicy, watchedSince: number): number {
  const from = state.heldSince === undefined ? state.stepAt : holdEnd(state, stepOf(policy, state), watchedSince);
  return Math.max(from, watchedSince) + policy.progressDeadlineMs;
}

function setbackOf(state: RolloutState, policy: RolloutPolicy, seen: Observation): Setback | undefined {
  if (seen.abort === state.target && !isFirst(state)) return { reason: ABORTED, message: "aborted by hand" };
  if (seen.fault !== undefined && stands(state, policy, seen.fault)) return seen.fault;
  if (
    policy.autoRollback &&
    seen.settled &&
    !seen.paused &&
    !isInForce(state) &&
    seen.outstanding > 0 &&
    seen.now >= deadlineOf(state, policy, seen.watchedSince)
  ) {
    const message = `${seen.outstanding} proxies had not acknowledged, or not reported since, within the progress deadline of ${policy.progressDeadlineMs / 1000} s`;
    return { reason: DEADLINE, message };
  }
  return undefined;
}

function fail(state: RolloutState, setback: Setback, seen: Observation): Advance {
  const { target, stable } = state;
  if (target === undefined) return stay(state);
  const rolledBack = stable !== undefined;
  const result = rolledBack ? "RolledBack" : "Rejected";
  const message = `${setback.reason}: ${setback.message}`;
  const outcomes = withOutcome(state, target, { result, message, generation: seen.generation, at: seen.now });
  const where = rolledBack ? `back to revision ${stable}` : "no earlier revision to go back to: the filter is out of every chain";
  return {
    state: { ...state, phase: result, ...ENDED, outcomes },
    setback,
    events: [{ type: "Warning", reason: result, message: `revision ${target} failed, ${where}: ${message}` }],
    wakeAt: undefined,
  };
}

function nextWave(state: RolloutState, policy: RolloutPolicy, seen: Observation): Advance {
  const index = state.step + 1;
  const next = enter(state, index, policy, seen);
  const passed = `revision ${state.target}: wave ${index} of ${stepCount(policy)} passed (${inWords(stepOf(policy, state))})`;
  return { state: next, events: [{ type: "Normal", reason: "WavePassed", message: passed }, waveStarted(next, policy)], wakeAt: undefined };
}

/** The state at the start of a step. No proxy leaves the target by rounding; what only some requests saw, most proxies may leave again. */
export function enter(
  state: RolloutState,
  step: number,
  policy: RolloutPolicy,
  seen: Pick<Observation, "positions" | "now">,
): RolloutState {
  const match = plannedStep(policy, step).match;
  const atLeast = match === undefined && state.match === undefined ? state.threshold : 0;
  const reach = reachOf(policy, step, state.order, seen, atLeast);
  return { ...state, step, match, threshold: reach, stepAt: seen.now, heldSince: undefined };
}

function waveStarted(state: RolloutState, policy: RolloutPolicy): FilterEvent {
  const { target, step } = state;
  const message = `revision ${target}: wave ${step + 1} of ${stepCount(policy)} started (${inWords(stepOf(policy, state))})`;
  return { type: "Normal", reason: "WaveStarted", message };
}

/** What to tell when a rollout was pointed at another revision. */
export function startEvents(before: RolloutState, after: RolloutState, policy: RolloutPolicy): readonly FilterEvent[] {
  if (after.phase !== "Progressing") return [];
  const from = after.stable === undefined ? "" : ` from revision ${after.stable}`;
  const proven = before.outcomes.get(after.target ?? 0)?.result === "Succeeded" ? ", to every proxy at once as it succeeded before" : "";
  const started: FilterEvent = { type: "Normal", reason: "RolloutStarted", message: `revision ${after.target} goes out${from}${proven}` };
  return stepCount(policy) === 1 || proven !== "" ? [started] : [started, waveStarted(after, policy)];
}

/** `told`: what speaks against the target, which stays all the same. */
function succeed(state: RolloutState, seen: Observation, told?: { readonly message: string; readonly event: FilterEvent }): Advance {
  const target = state.target;
  if (target === undefined) return stay(state);
  const message = told?.message ?? "";
  const outcomes = withOutcome(state, target, { result: "Succeeded", message, generation: seen.generation, at: seen.now });
  const all = `revision ${target} runs on every connected proxy (${seen.present()})`;
  return {
    state: { ...state, phase: "Succeeded", stable: target, threshold: EVERYONE, ...ENDED, outcomes },
    events: [told?.event ?? { type: "Normal", reason: "Succeeded", message: all }],
    wakeAt: undefined,
  };
}
