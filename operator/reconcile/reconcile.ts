import type { Requeue } from "../../base/work-queue.ts";
import type { Clock } from "../../model/clock.ts";
import type { CrashJournal } from "../../model/crash-journal.ts";
import type { LabelSelector } from "../../model/filter.ts";
import { API_VERSION, KIND, type WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { Leadership } from "../../model/leadership.ts";
import type { Failure } from "../../model/result.ts";
import { lastingFrom } from "../filter/facts.ts";
import type { FilterRecord } from "../filter/record.ts";
import { type Runs, STEPS, type StepName } from "../filter/steps.ts";
import type { FleetIndex } from "../fleet/index.ts";
import type { Observer } from "../fleet/observe.ts";
import { isFields } from "../parse/defaults.ts";
import { parseFilter } from "../parse/filter.ts";
import { parseUnlessSetAside, SET_ASIDE_AFTER } from "../parse/set-aside.ts";
import { undelivered } from "../serve/deliverable.ts";
import { acquireWhenDue } from "./acquire.ts";
import type { Keeping } from "./keeping.ts";
import { noteAsk } from "./refresh.ts";
import type { RollOut } from "./roll-out.ts";
import { Turn } from "./turn.ts";

export interface ReconcileDeps {
  readonly keeping: Pick<Keeping, "recordOf">;
  readonly crashes: CrashJournal;
  readonly index: FleetIndex;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly leadership: Pick<Leadership, "isLeading">;
  /** A turn of a server that does not decide, after its spec was parsed. */
  readonly follow: (turn: Turn) => void;
  readonly rollOut: RollOut;
  readonly tasks: Tasks;
  /** The record's present spec does not parse. */
  readonly refused: (record: FilterRecord, error: Failure) => void;
  /** These proxies may be due other chains. */
  readonly assign: (proxyKeys: Iterable<string>) => void;
  /** The filter may have entered a slot, or left one. */
  readonly moved: (record: FilterRecord) => void;
  /** Proxies may be answered as far as this filter goes. */
  readonly passed: (record: FilterRecord) => void;
}

/** Starts what runs beside the loop. A task that is under way is not started twice; one that is done reconciles its record again. */
export interface Tasks {
  recall(record: FilterRecord): void;
  /** When there is something to acquire, in milliseconds since the epoch; `undefined`: nothing. */
  acquireDueAt(record: FilterRecord): number | undefined;
  acquire(record: FilterRecord): void;
  /** Ends an acquisition for a spec that is no longer the present one. */
  cancel(record: FilterRecord): void;
  write(record: FilterRecord): void;
}

type LoopStep = Extract<(typeof STEPS)[number], { runs: "loop" }>["name"];

/**
 * The one place that decides about a filter. Level-based: whatever happened, a reconcile looks at the object, the record and the fleet as they are now,
 * goes through the steps in order, and the same state leads to the same result. It never waits: what is slow is a task.
 */
export function createReconcile(deps: ReconcileDeps): (id: string) => Requeue {
  const { keeping, index, observer, clock, tasks } = deps;

  const steps: Readonly<Record<LoopStep, (turn: Turn) => void>> = {
    parse: ({ record, now }) => {
      if (!record.parsed) parse(record, now, deps);
    },
    rollOut(turn) {
      try {
        deps.rollOut.step(turn);
      } catch (error) {
        // What came into force before is handed out all the same: the next turn would not know of it.
        steps.assign(turn);
        throw error;
      }
    },
    assign: ({ record, moved }) => {
      if (!moved) return;
      deps.assign(index.proxiesOf(record.id));
      deps.moved(record);
    },
  };

  const starts: Readonly<Record<Exclude<Runs, "loop">, (turn: Turn) => void>> = {
    recall: ({ record }) => {
      if (!record.recalled) tasks.recall(record);
    },
    acquire: (turn) => {
      noteAsk(turn, tasks);
      acquireWhenDue(turn, tasks);
    },
    write: ({ record }) => tasks.write(record),
  };

  function following(turn: Turn): Requeue {
    steps.parse(turn);
    deps.follow(turn);
    steps.assign(turn);
    return requeueOf(turn);
  }

  return (id) => {
    const record = keeping.recordOf(id);
    if (record === undefined) return {};
    const turn = new Turn(record, clock.now(), () => observer.see(record));
    if (!deps.leadership.isLeading()) return following(turn);
    let started: Runs = "loop";
    for (const { name, runs } of STEPS) {
      if (runs === "loop") steps[name](turn);
      else if (runs !== started) starts[runs](turn);
      started = runs;
      if (name === NEEDED && !record.recalled) return {};
    }
    if (!record.passed && isDecided(record)) deps.passed(record);
    if (record.resolution.state === "failed") turn.wakeAfter(lastingFrom(record.resolution));
    return requeueOf(turn);
  };
}

function requeueOf({ requeueMs }: Turn): Requeue {
  return requeueMs === undefined ? {} : { afterMs: requeueMs };
}

/** Whoever has a filter whose selector cannot be read keeps it, so that it concerns all of them. */
const EVERY_PROXY: LabelSelector = { matchLabels: {}, matchExpressions: [] };
/** Nothing is decided, and nothing written, before it is known what earlier runs decided. */
const NEEDED: StepName = "recall";

function parse(record: FilterRecord, now: number, deps: ReconcileDeps): void {
  const { index, observer, crashes } = deps;
  deps.tasks.cancel(record);
  const tried = { filter: record.id, spec: record.object.spec };
  const ends = crashes.ends(tried);
  const parsed = parseUnlessSetAside(record.object, tried, crashes);
  if (parsed.ok) {
    record.accept(parsed.value, now);
    deps.assign(index.setFilter(parsed.value));
    observer.reset(record.id);
    deps.moved(record);
    return;
  }
  deps.refused(record, parsed.error);
  if (record.filter !== undefined) return;
  // What could not be parsed may end the process where the selector is read, too.
  const selector = ends > SET_ASIDE_AFTER ? undefined : crashes.attempt(tried, () => readSelector(record.object));
  record.aim(selector !== undefined);
  deps.assign(index.setFilter({ key: record.key, selector: selector ?? EVERY_PROXY }));
  observer.reset(record.id);
}

/** True when nothing is under way that would change what the filter's proxies are due first. */
function isDecided(record: FilterRecord): boolean {
  const { filter, resolution, proposal, unrecorded } = record;
  if (filter === undefined || filter.suspend || resolution.state === "failed") return true;
  return resolution.state === "done" && unrecorded === undefined && proposal === undefined && undelivered(record).length === 0;
}

/**
 * The selector of an object that does not parse as a whole: after a restart its stable revision must go to its proxies and no others. `undefined`: it
 * cannot be read.
 */
function readSelector({ spec }: WasmFilter): LabelSelector | undefined {
  const selector: unknown = isFields(spec) ? spec.selector : undefined;
  const probe = parseFilter({
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: { name: "probe" },
    spec: { image: "probe.invalid/probe:1", ...(selector === undefined ? {} : { selector }) },
  });
  return probe.ok ? probe.value.selector : undefined;
}
