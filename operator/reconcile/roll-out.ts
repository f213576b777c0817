import { isDeepStrictEqual } from "node:util";
import type { Revision } from "../../model/revision.ts";
import { wishesOf } from "../filter/annotations.ts";
import type { FilterRecord } from "../filter/record.ts";
import { faultOfRejection } from "../filter/rejection.ts";
import { revisionOf } from "../filter/revisions.ts";
import type { WaveHealth } from "../fleet/health.ts";
import { type Advance, advance, type Observation, retarget, startEvents } from "../rollout/advance.ts";
import { goesForward, isInForce, type RolloutState } from "../rollout/state.ts";
import { policyOf } from "../rollout/steps.ts";
import { withdrawUnused } from "../serve/deliverable.ts";
import type { FilterEvent } from "../source/source.ts";
import type { Pace } from "./pace.ts";
import type { Settling } from "./settling.ts";
import type { Turn } from "./turn.ts";
import type { Withdrawing } from "./withdrawing.ts";

export interface RollOutDeps {
  readonly settling: Settling;
  readonly withdrawing: Pick<Withdrawing, "withdraw" | "faultOf" | "recorded" | "overrule">;
  readonly pace: Pace;
  /** What is heard of the wave at run time; rejections are added here. */
  readonly health: (record: FilterRecord, restMs: number) => WaveHealth;
  /** Policies allow what the record's spec leads to, as far as is known now. */
  readonly mayGoOut: (record: FilterRecord) => boolean;
  readonly emit: (record: FilterRecord, event: FilterEvent, revision?: Revision) => void;
  /** The record has something to write, now. */
  readonly write: (record: FilterRecord) => void;
}

/** How often a rollout that is about to go on is looked at though no proxy said anything. */
const WATCH_MS = 250;
/** The same for one that rests: it is paused, or waits for proxies past its deadline. Its proxies' statistics arrive about once a second. */
const RESTING_MS = 1_000;
/** The same where none of its proxies sends statistics: all that may happen is told. */
const UNHEARD_MS = 30_000;
/** So much less often where every proxy runs the target: a manifest of many filters has all of them watched at once. */
const LEISURE = 4;
/** Longest age of what is known of a wave's health, in milliseconds. */
const LONGEST_REST_MS = 1_000;
/** How long a step back waits for its status to be written. */
const STEP_BACK_MS = 250;

/** Moves filters' rollouts as far as what is known now allows. */
export interface RollOut {
  step(turn: Turn): void;
  forget(record: FilterRecord): void;
}

/**
 * A step forward (a new target, the next wave, success) is written to the status before any proxy sees it, so that an operator killed at any
 * point goes on from a state that covers all it had handed out. A step back waits for its record too, so that an operator killed just then does
 * not hand the failed revision out again, but not for long: stable is always safe.
 */
export function createRollOut(deps: RollOutDeps): RollOut {
  return new WrittenRollOut(deps);
}

class WrittenRollOut implements RollOut {
  private readonly deps: RollOutDeps;

  constructor(deps: RollOutDeps) {
    this.deps = deps;
  }

  step(turn: Turn): void {
    const { record, now } = turn;
    this.commit(turn);
    const heard = this.look(turn);
    const move = this.next(turn, heard);
    record.waitUntil(move.wakeAt, heard.count);
    turn.wake(move.wakeAt);
    if (move.state !== record.rollout) this.propose(turn, move);
    // What was to be written is not wanted any more.
    else if (record.proposal?.isForward) record.retract();
    const isUnderWay = record.rollout.phase === "Progressing";
    this.deps.pace.set(record, isUnderWay ? turn.sighting.counts.matched : 0);
    if (!isUnderWay) return;
    const rests = move.wakeAt === undefined && move.state === record.rollout && record.proposal === undefined;
    if (rests) this.rest(turn, heard);
    else turn.wake(now + Math.max(WATCH_MS, this.deps.pace.ms * (isInForce(record.rollout) ? LEISURE : 1)));
  }

  /** Time alone moves nothing. What does: the object, the fleet, what its proxies report, and that one of them is lost for good. */
  private rest(turn: Turn, heard: WaveHealth): void {
    const { now, sighting } = turn;
    const reports = Number.isFinite(heard.heardUntil) || heard.unheard > 0;
    turn.wake(now + (reports ? Math.max(RESTING_MS, this.deps.pace.ms) : UNHEARD_MS));
    turn.wake(sighting.nextLostAt);
    // What caused this turn may not be in what was heard.
    if (heard.at < now) turn.wake(now + LONGEST_REST_MS);
  }

  /** A wave that is complete is about to go on: it is judged by what is known now. */
  private look({ record, now, sighting }: Turn): WaveHealth {
    const isWatched = isInForce(record.rollout) && now < (record.nextStepAt ?? 0);
    return this.deps.health(record, sighting.outstanding === 0 && !isWatched ? 0 : Math.min(LONGEST_REST_MS, this.deps.pace.ms));
  }

  forget(record: FilterRecord): void {
    this.deps.pace.set(record, 0);
  }

  private next({ record, now, sighting }: Turn, { fault, before, heardUntil, unheard }: WaveHealth): Advance {
    const { filter, candidate } = record;
    const policy = policyOf(filter);
    const isFrozen = filter === undefined || filter.suspend;
    const refused = sighting.rejections[0];
    const rejected = refused && faultOfRejection(refused.key, refused.message);
    const wishes = wishesOf(record.object);
    const isAllowed = this.deps.mayGoOut(record);
    const isSettled = this.deps.settling.isSettled(record, sighting);
    const seen: Observation = {
      now,
      generation: record.object.metadata.generation ?? 1,
      settled: isSettled,
      watchedSince: record.watchedSince ?? now,
      present: sighting.present,
      positions: sighting.positions,
      outstanding: sighting.outstanding + unheard,
      heardUntil,
      fault: rejected ?? this.deps.withdrawing.faultOf(record) ?? fault,
      before,
      promote: wishes.promote,
      abort: wishes.abort,
      paused: wishes.paused || isFrozen || isUndecided(record) || !isAllowed,
    };
    // While it is suspended nothing may move, but a spec that asks for what is served again has what it asks for.
    const isServed = candidate?.number === record.rollout.stable && record.rollout.phase !== "Progressing";
    if (candidate !== undefined && isAllowed && (!isFrozen || isServed)) {
      const state = retarget(record.rollout, candidate.number, policy, seen);
      if (state !== record.rollout) return { state, events: startEvents(record.rollout, state, policy), wakeAt: undefined };
    }
    return advance(record.rollout, policy, seen);
  }

  /** Puts a proposal in force when its time has come. */
  private commit(turn: Turn): void {
    const { record, now } = turn;
    const { proposal } = record;
    if (proposal === undefined) return;
    // A clock that shows less than when it was made was set back: how long it waited is not known.
    const waits = proposal.isForward || (now >= proposal.madeAt && now < proposal.madeAt + STEP_BACK_MS);
    if (!proposal.isWritten && waits) return;
    const { rejections } = record;
    record.commit(proposal);
    // A content that is tried again is kept from nobody.
    if (record.rejections !== rejections) this.deps.withdrawing.overrule(rejections.keys());
    if (proposal.isWritten) this.deps.withdrawing.recorded(record);
    const revision = revisionOf(record, proposal.state.target);
    for (const event of proposal.events) this.deps.emit(record, event, revision);
    withdrawUnused(record);
    turn.committed();
  }

  private propose(turn: Turn, { state, setback, events }: Advance): void {
    const { record, now } = turn;
    const isForward = goesForward(record.rollout, state);
    const { proposal } = record;
    // A step back takes the place of a step forward that waits; so does another step forward.
    const isDecided = proposal !== undefined && (!proposal.isForward || (isForward && isSameStep(proposal.state, state)));
    const isAtHand = state.phase !== "Progressing" || record.deliverable.has(state.target ?? 0);
    if (!isDecided && isAtHand) {
      if (setback !== undefined) this.deps.withdrawing.withdraw(record, setback);
      record.propose({ state, events, isForward, madeAt: now, isWritten: false });
      this.deps.write(record);
    }
    if (record.proposal?.isForward === false) turn.wake(record.proposal.madeAt + STEP_BACK_MS);
  }
}

/** The spec changed, and may lead to another revision than the one that is going out: its steps are not for that one. */
function isUndecided({ candidate, rollout, object }: FilterRecord): boolean {
  return candidate === undefined && rollout.outcomes.get(rollout.target ?? 0)?.generation !== object.metadata.generation;
}

function isSameStep(a: RolloutState, b: RolloutState): boolean {
  const known = ({ heldSince, watch }: RolloutState) => `${heldSince !== undefined} ${watch?.before !== undefined}`;
  const isSame = a.phase === b.phase && a.target === b.target && a.step === b.step && isDeepStrictEqual(a.match, b.match);
  return isSame && known(a) === known(b);
}
