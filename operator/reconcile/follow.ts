import type { WasmFilterStatus } from "../../model/gen/wasmfilter.ts";
import type { FilterRecord } from "../filter/record.ts";
import { undelivered, withdrawUnused } from "../serve/deliverable.ts";
import { acquireWhenDue } from "./acquire.ts";
import { lacksRevisions, standAsRecorded } from "./recall.ts";
import type { Tasks } from "./reconcile.ts";
import type { Turn } from "./turn.ts";
import type { Withdrawing } from "./withdrawing.ts";

export interface FollowDeps {
  readonly withdrawing: Pick<Withdrawing, "judge" | "recorded">;
  readonly tasks: Pick<Tasks, "recall" | "acquire" | "acquireDueAt">;
  /** Proxies may be answered as far as this filter goes. */
  readonly passed: (record: FilterRecord) => void;
}

/**
 * A turn of a server that decides nothing: what the object's status records is in force as it stands there, and what of it is not in the store is brought in.
 * Whenever it is asked, it stands where one that was just started would.
 */
export function createFollow({ withdrawing, tasks, passed }: FollowDeps): (turn: Turn) => void {
  /** The status that was put in force last, and that for which revisions were asked. */
  const inForce = new WeakMap<FilterRecord, WasmFilterStatus | undefined>();
  const asked = new WeakMap<FilterRecord, WasmFilterStatus | undefined>();

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
    acquireWhenDue(turn, tasks);
    if (!record.passed && undelivered(record).length === 0) passed(record);
  };
}
