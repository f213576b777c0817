import type { WasmFilterStatus } from "../../model/gen/wasmfilter.ts";
import type { HeardLeadership } from "../../model/leadership.ts";
import type { FilterRecord } from "../filter/record.ts";
import type { WaveHealth } from "../fleet/health.ts";
import { COMPARED } from "../rollout/health.ts";
import { undelivered, withdrawUnused } from "../serve/deliverable.ts";
import { acquireWhenDue } from "./acquire.ts";
import type { Pace } from "./pace.ts";
import { lacksRevisions, standAsRecorded } from "./recall.ts";
import type { Tasks } from "./reconcile.ts";
import type { Turn } from "./turn.ts";
import type { Withdrawing } from "./withdrawing.ts";

export interface FollowDeps {
  readonly withdrawing: Pick<Withdrawing, "judge" | "found" | "recorded">;
  readonly pace: Pace;
  /** What is heard of this server's own proxies. */
  readonly health: (record: FilterRecord, restMs: number) => WaveHealth;
  readonly leadership: Pick<HeardLeadership, "isHeard">;
  readonly tasks: Pick<Tasks, "recall" | "acquire" | "acquireDueAt">;
  /** Proxies may be answered as far as this filter goes. */
  readonly passed: (record: FilterRecord) => void;
}

/** How often a rollout is looked at though no proxy said anything, and the longest age of what is known of its proxies. */
const WATCH_MS = 1_000;

/**
 * A turn of a server that decides nothing: what the object's status records is in force as it stands there, and what of it is not in the store is brought in.
 * Whenever it is asked, it stands where one that was just started would. What its own proxies show against a target that is going out takes that back, here and at the other
 * replicas, without waiting for who decides.
 */
export function createFollow({ withdrawing, pace, health, leadership, tasks, passed }: FollowDeps): (turn: Turn) => void {
  /** The status that was put in force last, and that for which revisions were asked. */
  const inForce = new WeakMap<FilterRecord, WasmFilterStatus | undefined>();
  const asked = new WeakMap<FilterRecord, WasmFilterStatus | undefined>();

  function watch(turn: Turn): void {
    const { record, now } = turn;
    const { fault, looked } = health(record, Math.max(WATCH_MS, pace.ms));
    pace.set(record, looked);
    // Who decides has the counters of more proxies to compare.
    if (fault !== undefined && !(COMPARED.has(fault.reason) && leadership.isHeard())) withdrawing.found(record, fault);
    if (looked > 0) turn.wake(now + Math.max(WATCH_MS, pace.ms));
  }

  return (turn) => {
    const { record } = turn;
    const { status } = record.object;
    if (!record.recalled || (lacksRevisions(record) && asked.get(record) !== status)) {
      asked.set(record, status);
      tasks.recall(record);
      return;
    }
    if (!inForce.has(record) || inForce.get(record) !== status) {
      inForce.set(record, status);
      standAsRecorded(record, withdrawing);
      withdrawUnused(record);
      turn.committed();
    }
    withdrawing.judge(record);
    watch(turn);
    acquireWhenDue(turn, tasks);
    if (!record.passed && undelivered(record).length === 0) passed(record);
  };
}
