import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../model/clock.ts";
import type { Fleet } from "../model/delivery.ts";
import type { WasmFilterStatus } from "../model/gen/wasmfilter.ts";
import type { Log } from "../model/log.ts";
import { type FleetView, viewFleet } from "./observe.ts";
import { type FilterRecord, revisionOf, wishesOf } from "./record.ts";
import { deadlineOf, stepCount } from "./rollout/advance.ts";
import type { RolloutState } from "./rollout/state.ts";
import type { Source } from "./source/source.ts";
import { statusOf } from "./status.ts";

/** Shortest time between two writes of one filter's status, unless a step of its rollout waits for the write. */
const PACE_MS = 200;
const RETRY_MS = 1_000;

/** Keeps each filter's status in the source equal to what is known, without writing what is there already. */
export interface StatusWriter {
  /** The status as of now. */
  current(record: FilterRecord): WasmFilterStatus;
  /** Something that the status shows may have changed: write it soon. */
  touch(record: FilterRecord): void;
  /** Writes the status with this rollout at once. False: it could not be written, and the rollout must not go on. */
  persist(record: FilterRecord, rollout: RolloutState): Promise<boolean>;
  /** When the held wave may end, for the status to say. */
  setWake(record: FilterRecord, at: number | undefined): void;
  forget(record: FilterRecord): void;
  stop(): Promise<void>;
}

export interface StatusWriterOptions {
  readonly source: Pick<Source, "writeStatus">;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly log: Log;
  readonly proxiesOf: (id: string) => Iterable<string>;
  /** How many proxies are expected beyond those in view: they count as pending, so that an operator killed again before they are back still waits for them. */
  readonly missing: (record: FilterRecord, view: FleetView) => number;
}

export function createStatusWriter({ source, fleet, clock, log, proxiesOf, missing }: StatusWriterOptions): StatusWriter {
  const timers = new Map<string, () => void>();
  const wakes = new Map<string, number>();
  const gone = new WeakSet<FilterRecord>();
  const promised = new WeakMap<FilterRecord, RolloutState>();
  const lastWrites = new Map<string, Promise<boolean>>();

  /** The rollout to write when nobody waits for it: one that was promised already is about to be the record's. */
  function newest(record: FilterRecord): RolloutState {
    const ahead = promised.get(record);
    if (ahead === record.rollout) promised.delete(record);
    return ahead ?? record.rollout;
  }

  function build(record: FilterRecord, rollout: RolloutState): WasmFilterStatus {
    const shown: FilterRecord = rollout === record.rollout ? record : { ...record, rollout };
    const view = viewFleet(shown, fleet, proxiesOf(record.id), clock.now());
    const absent = missing(record, view);
    const counts =
      absent === 0 ? view.counts : { ...view.counts, matched: view.counts.matched + absent, pending: view.counts.pending + absent };
    const wakeAt = wakes.get(record.uid);
    const filter = record.filter;
    const policy = filter?.rollout ?? { steps: [], progressDeadlineMs: 0, autoRollback: true, analysis: NO_ANALYSIS };
    const now = clock.now();
    const late =
      rollout.phase === "Progressing" &&
      !policy.autoRollback &&
      view.outstanding > 0 &&
      now >= deadlineOf(rollout, policy, record.watchedSince ?? now);
    const pausedStep = policy.steps[rollout.step]?.pause === true && rollout.heldSince !== undefined;
    const facts = {
      generation: record.object.metadata.generation ?? 1,
      resolution: record.resolution,
      verifies: (filter?.verify.length ?? 0) > 0,
      suspended: filter?.suspend === true,
      measurements: record.measurements,
      rollout: { ...rollout, step: Math.min(rollout.step, stepCount(policy) - 1) },
      target: revisionOf(record, rollout.target),
      stable: revisionOf(record, rollout.stable),
      counts,
      paused: wishesOf(record.object).paused || pausedStep,
      deadlineExceeded: late,
    };
    const input = { facts, policy, revisions: record.revisions, rejections: view.rejections, now, wakeAt };
    return statusOf(input, record.status);
  }

  /** One write of a filter after the other: an older status that arrives late would undo what a newer one promised. */
  async function write(record: FilterRecord, rollout: () => RolloutState): Promise<boolean> {
    await lastWrites.get(record.uid)?.catch(() => {});
    const status = build(record, rollout());
    if (isDeepStrictEqual(status, record.status)) return true;
    const written = await source.writeStatus(record.key, record.uid, status);
    if (written.ok) record.status = status;
    else if (!gone.has(record))
      log.warn("the status could not be written", { filter: record.id, reason: written.error.reason, message: written.error.message });
    return written.ok;
  }

  function tracked(record: FilterRecord, rollout: () => RolloutState): Promise<boolean> {
    const job = write(record, rollout).finally(() => {
      if (lastWrites.get(record.uid) === job) lastWrites.delete(record.uid);
    });
    lastWrites.set(record.uid, job);
    return job;
  }

  function schedule(record: FilterRecord, ms: number): void {
    if (timers.has(record.uid) || gone.has(record)) return;
    timers.set(
      record.uid,
      clock.after(ms, () => {
        void tracked(record, () => newest(record)).then((written) => {
          timers.delete(record.uid);
          if (!written) schedule(record, RETRY_MS);
          else if (!isDeepStrictEqual(build(record, record.rollout), record.status)) schedule(record, PACE_MS);
        });
      }),
    );
  }

  return {
    current: (record) => build(record, record.rollout),
    touch: (record) => schedule(record, PACE_MS),
    async persist(record, rollout) {
      promised.set(record, rollout);
      const written = await tracked(record, () => rollout);
      if (!written && promised.get(record) === rollout) promised.delete(record);
      return written;
    },
    setWake(record, at) {
      if (at === undefined) wakes.delete(record.uid);
      else wakes.set(record.uid, at);
    },
    forget(record) {
      gone.add(record);
      timers.get(record.uid)?.();
      timers.delete(record.uid);
      wakes.delete(record.uid);
    },
    async stop() {
      for (const cancel of timers.values()) cancel();
      timers.clear();
      await Promise.allSettled(lastWrites.values());
    },
  };
}

const NO_ANALYSIS = { minRequests: 0, max5xxRisePercent: 100, maxLatencyRatio: Number.POSITIVE_INFINITY };
