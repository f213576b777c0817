import { type BackoffPolicy, backoff } from "../../base/backoff.ts";
import { createWorkQueue, type Requeue, type WorkQueue } from "../../base/work-queue.ts";
import type { Clock } from "../../model/clock.ts";
import { type CrashJournal, noCrashJournal } from "../../model/crash-journal.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { Log } from "../../model/log.ts";
import type { Metrics } from "../../model/metrics.ts";
import type { FilterRecord } from "../filter/record.ts";
import type { Records } from "../filter/records.ts";
import type { Acquire } from "./acquire.ts";
import type { Tasks } from "./reconcile.ts";
import { createTrouble } from "./trouble.ts";

export interface QueueDeps {
  readonly records: Pick<Records, "get">;
  /** Does work in the name of the filter with this id. */
  readonly during: <T>(id: string, work: () => T) => T;
  /** The record's status says something else now. */
  readonly report: (record: FilterRecord) => void;
  readonly clock: Clock;
  readonly log: Log;
  /** A number in [0, 1) for jitter. */
  readonly random: () => number;
  readonly metrics: Metrics;
}

/** What all queues of an operator share. `objects`: as the source showed them last, by id. */
export function queueDepsOf(
  { clock, log, random, crashes = noCrashJournal }: Pick<QueueDeps, "clock" | "log" | "random"> & { readonly crashes?: CrashJournal },
  { objects, ...own }: Pick<QueueDeps, "records" | "metrics" | "report"> & { readonly objects: ReadonlyMap<string, WasmFilter> },
): QueueDeps {
  return { ...own, during: (id, work) => crashes.during({ filter: id, spec: objects.get(id)?.spec }, work), clock, log, random };
}

/** The work of each task. */
export interface TaskWork {
  readonly recall: (record: FilterRecord) => Promise<Requeue>;
  readonly acquire: Acquire;
  readonly write: (record: FilterRecord) => Promise<Requeue>;
  /** A task is done: the record is to be reconciled. Writes say so themselves, where they changed something. */
  readonly done: (record: FilterRecord) => void;
}

/** Acquisitions at once: they compete for network and CPU, and one that hangs must not stop the rest. */
const ACQUIRE_AT_ONCE = 4;
/** Acquisitions of one namespace at once: one whose registry hangs or whose modules are slow to prove leaves a place to the others. */
const ACQUIRE_OF_NAMESPACE = ACQUIRE_AT_ONCE - 1;
/** Requests to the API server at once. */
const RECALL_AT_ONCE = 32;
const WRITE_AT_ONCE = 32;
/** Shortest time between two writes of one filter's status, unless a step of its rollout waits for the write. */
const PACE_MS = 200;
const RETRY: BackoffPolicy = { firstMs: 1_000, longestMs: 10_000, jitter: [0.75, 1.25] };

/** Namespaces take turns in every queue. */
export function namespaceOf(id: string): string {
  return id.slice(0, id.indexOf("/"));
}

/** A work queue of filters, by id, with the settings that all of them share. */
export function createFilterQueue(
  what: string,
  concurrency: number | { readonly all: number; readonly ofNamespace: number },
  process: (id: string) => Requeue | Promise<Requeue>,
  deps: QueueDeps,
): WorkQueue {
  const { clock, random, during } = deps;
  const trouble = createTrouble(what, deps);
  const watched = trouble.watched(process);
  return createWorkQueue({
    process: (id) => during(id, () => watched(id)),
    ...(typeof concurrency === "number" ? { concurrency } : { concurrency: concurrency.all, groupConcurrency: concurrency.ofNamespace }),
    clock,
    groupOf: namespaceOf,
    backoff: (failures) => backoff(RETRY, failures, random),
    failed: trouble.threw,
  });
}

/** What runs beside the reconcile loop: one queue for each kind of task, so that a registry that hangs holds up no write. */
export interface TaskQueues extends Tasks {
  /** Writes at once: a step of the rollout waits for it. */
  writeNow(record: FilterRecord): void;
  forget(record: FilterRecord): void;
  /** Resolves when what is under way is done. */
  stop(): Promise<void>;
}

export function createTaskQueues(work: TaskWork, deps: QueueDeps): TaskQueues {
  const queueOf = (what: string, concurrency: Parameters<typeof createFilterQueue>[1], run: (record: FilterRecord) => Promise<Requeue>) =>
    createFilterQueue(
      what,
      concurrency,
      (id) => {
        const record = deps.records.get(id);
        return record === undefined ? {} : run(record);
      },
      deps,
    );
  const andReconcile = (run: (record: FilterRecord) => Promise<Requeue>) => async (record: FilterRecord) => {
    const requeue = await run(record);
    if (requeue.retry !== true) work.done(record);
    return requeue;
  };
  const recalls = queueOf("reading a filter's revisions", RECALL_AT_ONCE, andReconcile(work.recall));
  const acquisitions = queueOf(
    "resolving a filter",
    { all: ACQUIRE_AT_ONCE, ofNamespace: ACQUIRE_OF_NAMESPACE },
    andReconcile((record) => work.acquire.run(record)),
  );
  const writes = queueOf("writing a filter's status", WRITE_AT_ONCE, work.write);
  const all = [recalls, acquisitions, writes];
  return {
    recall: ({ id }) => recalls.add(id),
    acquire: ({ id }) => acquisitions.add(id),
    acquireDueAt: (record) => work.acquire.dueAt(record),
    cancel: (record) => work.acquire.cancel(record),
    write: ({ id }) => writes.addAfter(id, PACE_MS),
    writeNow: ({ id }) => writes.add(id),
    forget({ id }) {
      for (const queue of all) queue.forget(id);
    },
    async stop() {
      await Promise.all(all.map((queue) => queue.stop()));
    },
  };
}
