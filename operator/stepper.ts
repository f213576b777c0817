import type { Clock } from "../model/clock.ts";
import type { Fleet } from "../model/delivery.ts";
import type { RolloutPolicy } from "../model/filter.ts";
import type { Log } from "../model/log.ts";
import { type EntryDeps, ensureEntry, releaseEntries } from "./entries.ts";
import type { WaveHealth } from "./health-watch.ts";
import { type FleetView, viewFleet } from "./observe.ts";
import { type FilterRecord, revisionOf, wishesOf } from "./record.ts";
import { surplus } from "./revisions.ts";
import { type Advance, advance, type Fault, type Observation, retarget, startEvents } from "./rollout/advance.ts";
import type { RolloutState } from "./rollout/state.ts";
import type { FilterEvent, Source } from "./source/source.ts";
import type { StatusWriter } from "./status-writer.ts";

export interface StepperOptions extends EntryDeps {
  readonly source: Source;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly log: Log;
  readonly statuses: StatusWriter;
  readonly proxiesOf: (id: string) => Iterable<string>;
  /** False while proxies are still coming back after a start; from the first true on, the record's `watchedSince` is set. */
  readonly settled: (record: FilterRecord, view: FleetView) => boolean;
  /** What is heard of the wave at run time; rejections are added here. */
  readonly health: (record: FilterRecord) => WaveHealth;
  readonly emit: (record: FilterRecord, event: FilterEvent) => void;
  /** The record's rollout moved: its proxies may be due other chains. */
  readonly moved: (record: FilterRecord) => void;
}

/** Moves one filter's rollout as far as what is known now allows. */
export interface Stepper {
  step(record: FilterRecord): Promise<void>;
  /** A proxy of this filter did something: takes a step, soon where there are many proxies to look at. */
  noticed(record: FilterRecord): void;
  forget(id: string): void;
}

const RETRY_MS = 1_000;
/** How often a rollout under way is looked at though no proxy said anything: stats arrive about once a second. */
const WATCH_MS = 250;
/**
 * How long news of proxies are collected after a step, for each proxy that the step looked at. Ten thousand acknowledgements that trickle in are so
 * counted a few times and not ten thousand times.
 */
const REST_MS_PER_PROXY = 0.05;
/** How long a step back waits for its record. */
const RECORD_MS = 250;

/** In force while no spec of the filter parses: its rollout stays where it is, and a fault still takes it back. */
const NO_POLICY: RolloutPolicy = {
  steps: [],
  progressDeadlineMs: Number.POSITIVE_INFINITY,
  autoRollback: true,
  analysis: { minRequests: 50, max5xxRisePercent: 5, maxLatencyRatio: 3 },
};

function goesForward(before: RolloutState, after: RolloutState): boolean {
  return after.phase === "Progressing" || (after.phase === "Succeeded" && before.phase !== "Succeeded");
}

export function createStepper(options: StepperOptions): Stepper {
  const { source, fleet, clock, statuses, proxiesOf } = options;
  const busy = new Map<string, { again: boolean }>();
  const timers = new Map<string, () => void>();
  const resting = new Map<string, { again: boolean; cancel: () => void }>();

  function rest(record: FilterRecord, proxies: number): void {
    const ms = proxies * REST_MS_PER_PROXY;
    if (ms < 1 || resting.has(record.id)) return;
    const cancel = clock.after(ms, () => {
      const turn = resting.get(record.id);
      resting.delete(record.id);
      if (turn?.again) void step(record);
    });
    resting.set(record.id, { again: false, cancel });
  }

  function wakeIn(record: FilterRecord, ms: number): void {
    timers.get(record.id)?.();
    timers.set(
      record.id,
      clock.after(Math.max(0, ms), () => void step(record)),
    );
  }

  async function step(record: FilterRecord): Promise<void> {
    const current = busy.get(record.uid);
    if (current !== undefined) {
      current.again = true;
      return;
    }
    const turn = { again: true };
    busy.set(record.uid, turn);
    try {
      while (turn.again) {
        turn.again = false;
        if (await stepOnce(record)) turn.again = true;
      }
    } catch (error) {
      options.log.error("a rollout step failed unexpectedly; tried again", { filter: record.id, error: String(error) });
      wakeIn(record, RETRY_MS);
    } finally {
      busy.delete(record.uid);
    }
  }

  function next(record: FilterRecord, view: FleetView): Advance {
    const { filter, candidate } = record;
    const policy = filter?.rollout ?? NO_POLICY;
    const frozen = filter === undefined || filter.suspend;
    const refused = view.rejections[0];
    const { fault, heardUntil } = options.health(record);
    const rejected: Fault | undefined = refused && { reason: "Rejected", message: `proxy ${refused.proxy}: ${refused.message}` };
    const wishes = wishesOf(record.object);
    const seen: Observation = {
      now: clock.now(),
      generation: record.object.metadata.generation ?? 1,
      settled: options.settled(record, view),
      watchedSince: record.watchedSince ?? clock.now(),
      positions: view.positions,
      outstanding: view.outstanding,
      heardUntil,
      fault: rejected ?? fault,
      ...wishes,
      paused: wishes.paused || frozen,
    };
    if (candidate !== undefined && !frozen) {
      const state = retarget(record.rollout, candidate.number, policy, seen);
      if (state !== record.rollout) return { state, events: startEvents(record.rollout, state, policy), wakeAt: undefined };
    }
    return advance(record.rollout, policy, seen);
  }

  /** Returns true when the state moved, so that the next step may follow at once. */
  async function stepOnce(record: FilterRecord): Promise<boolean> {
    if (!record.loaded) return false;
    const view = viewFleet(record, fleet, proxiesOf(record.id), clock.now());
    rest(record, view.counts.matched);
    const { state, events, wakeAt } = next(record, view);
    statuses.setWake(record, wakeAt);
    if (state === record.rollout) {
      const pace = Math.max(WATCH_MS, view.counts.matched * REST_MS_PER_PROXY);
      const watched = state.phase === "Progressing" ? pace : Number.POSITIVE_INFINITY;
      const wait = Math.min(watched, (wakeAt ?? Number.POSITIVE_INFINITY) - clock.now());
      if (Number.isFinite(wait)) wakeIn(record, wait);
      statuses.touch(record);
      return false;
    }
    if (state.phase === "Progressing" && !(await ensureEntry(record, state.target, options))) {
      wakeIn(record, RETRY_MS);
      return false;
    }
    if (!(await written(record, state))) {
      wakeIn(record, RETRY_MS);
      return false;
    }
    // A content that is tried again is judged by what proxies say to it now.
    if (state.phase === "Progressing" && state.startedAt !== record.rollout.startedAt) record.refusals.clear();
    record.rollout = state;
    for (const event of events) options.emit(record, event);
    releaseEntries(record);
    options.moved(record);
    statuses.touch(record);
    await prune(record);
    return true;
  }

  /**
   * A step forward (a new target, the next wave, success) is written to the status before any proxy sees it, so that an operator killed at any
   * point goes on from a state that covers all it had handed out. A step back waits for its record too, lest an operator killed just then hand
   * the failed revision out again, but not for long: stable is always safe.
   */
  async function written(record: FilterRecord, state: RolloutState): Promise<boolean> {
    const persisted = statuses.persist(record, state);
    if (goesForward(record.rollout, state)) return persisted;
    let cancel = () => {};
    const patience = new Promise<void>((resolve) => {
      cancel = clock.after(RECORD_MS, resolve);
    });
    await Promise.race([persisted, patience]);
    cancel();
    return true;
  }

  /** Drops the revisions beyond spec.revisionHistoryLimit. */
  async function prune(record: FilterRecord): Promise<void> {
    if (record.filter === undefined) return;
    const { target, stable } = record.rollout;
    const inUse = new Set([target, stable, record.candidate?.number].filter((number) => number !== undefined));
    for (const number of surplus(record.revisions, record.filter.revisionHistoryLimit, inUse)) {
      const deleted = await source.deleteRevision(record.key, record.uid, number);
      if (!deleted.ok) return;
      record.revisions = record.revisions.filter((revision) => revision.number !== number);
    }
  }

  return {
    step,
    noticed(record) {
      const turn = resting.get(record.id);
      if (turn === undefined) void step(record);
      else turn.again = true;
    },
    forget(id) {
      timers.get(id)?.();
      timers.delete(id);
      resting.get(id)?.cancel();
      resting.delete(id);
    },
  };
}

/** Keeps a revision in the source's history and in the record. Returns false when it could not be written now. */
export async function keepRevision(record: FilterRecord, number: number, source: Source): Promise<boolean> {
  const revision = revisionOf(record, number);
  if (revision === undefined) return false;
  return (await source.saveRevision(record.key, record.uid, revision)).ok;
}
