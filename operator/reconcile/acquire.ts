import { type BackoffPolicy, backoff } from "../../base/backoff.ts";
import type { Requeue } from "../../base/work-queue.ts";
import type { Clock } from "../../model/clock.ts";
import type { Leadership } from "../../model/leadership.ts";
import { type Metrics, outcomeOf } from "../../model/metrics.ts";
import type { Failure } from "../../model/result.ts";
import type { FilterRecord } from "../filter/record.ts";
import { revisionOf } from "../filter/revisions.ts";
import type { Stage } from "../filter/steps.ts";
import { auditEvent } from "../policy/events.ts";
import { createLooks, type Looks } from "../resolve/looks.ts";
import type { Outcome, Refused, Resolved } from "../resolve/resolve.ts";
import type { Resolver } from "../resolve/resolver.ts";
import { type ProvideDeps, provide, undelivered } from "../serve/deliverable.ts";
import type { FilterEvent } from "../source/source.ts";
import type { Tasks } from "./reconcile.ts";
import { refreshed } from "./refresh.ts";
import type { Turn } from "./turn.ts";

export interface AcquireDeps extends ProvideDeps {
  readonly resolver: Resolver;
  /** Only who decides looks for what specs ask for; everybody brings in what the record names. */
  readonly leadership: Pick<Leadership, "isLeading">;
  readonly clock: Clock;
  /** A number in [0, 1) for jitter. */
  readonly random: () => number;
  readonly metrics: Metrics;
  /** False for a record that another has taken the place of. */
  readonly isCurrent: (record: FilterRecord) => boolean;
  /** A look at what the record's spec leads to begins. */
  readonly begins: (record: FilterRecord) => void;
  /** Policies said something of a filter. */
  readonly judged: () => void;
  readonly resolved: (record: FilterRecord, resolved: Resolved) => void;
  readonly emit: (record: FilterRecord, event: FilterEvent) => void;
  /** The record's spec stopped at a stage. */
  readonly stopped: (record: FilterRecord, stage: Stage, error: Failure, fallback?: Refused["fallback"]) => void;
  /** Another revision of the record can be served. */
  readonly provided: (record: FilterRecord) => void;
}

/** When lost modules are fetched next, when that was decided (milliseconds since the epoch), and how often it failed in a row. */
interface Fetch {
  readonly at: number;
  readonly setAt: number;
  readonly failures: number;
}

const NEVER_FETCHED: Fetch = { at: 0, setAt: 0, failures: 0 };

const RETRY_MODULE: BackoffPolicy = { firstMs: 1_000, longestMs: 10_000, jitter: [0.75, 1.25] };

/** Brings in what a filter lacks: the content that its spec asks for, and modules of kept revisions that the store lost. */
export interface Acquire {
  /** When there is something to do for the record, in milliseconds since the epoch; `undefined`: nothing. */
  dueAt(record: FilterRecord): number | undefined;
  run(record: FilterRecord): Promise<Requeue>;
  /** Ends what is under way for the record. What is still needed is tried again. */
  cancel(record: FilterRecord): void;
}

/** Has what the turn's record lacks brought in, now or when it is time. */
export function acquireWhenDue(turn: Turn, tasks: Pick<Tasks, "acquireDueAt" | "acquire">): void {
  const dueAt = tasks.acquireDueAt(turn.record);
  if (dueAt === undefined || dueAt > turn.now) turn.wake(dueAt);
  else tasks.acquire(turn.record);
}

export function createAcquire(deps: AcquireDeps): Acquire {
  return new BackingOffAcquire(deps);
}

class BackingOffAcquire implements Acquire {
  private readonly deps: AcquireDeps;
  private readonly looks: Looks;
  private readonly fetches = new WeakMap<FilterRecord, Fetch>();
  /** Ends the fetches that are under way. */
  private readonly fetching = new WeakMap<FilterRecord, AbortController>();

  constructor(deps: AcquireDeps) {
    this.deps = deps;
    this.looks = createLooks(deps.random, deps.implied !== undefined);
  }

  dueAt(record: FilterRecord): number | undefined {
    const never = Number.POSITIVE_INFINITY;
    const { at: fetchAt, setAt } = this.fetches.get(record) ?? NEVER_FETCHED;
    const { resolveSetAt } = record;
    const resolveAt = this.deps.leadership.isLeading() ? (record.resolveAt ?? never) : never;
    const at = Math.min(undelivered(record).length === 0 ? never : this.due(fetchAt, setAt), this.due(resolveAt, resolveSetAt));
    return Number.isFinite(at) ? at : undefined;
  }

  async run(record: FilterRecord): Promise<Requeue> {
    await Promise.all([this.fetchLost(record), this.resolve(record)]);
    return {};
  }

  cancel(record: FilterRecord): void {
    this.deps.resolver.cancel(record);
    this.fetching.get(record)?.abort();
  }

  /** When something is due that was decided at `setAt`. If the clock was set back since, it is due now. */
  private due(at: number, setAt: number): number {
    const now = this.deps.clock.now();
    return now < setAt && at !== Number.POSITIVE_INFINITY ? Math.min(at, now) : at;
  }

  private async resolve(record: FilterRecord): Promise<void> {
    const { clock, metrics, resolver, isCurrent } = this.deps;
    const { filter, resolveAt, resolveSetAt } = record;
    const ask = filter?.suspend ? undefined : record.ask;
    if (!this.deps.leadership.isLeading()) return;
    if (filter === undefined || resolveAt === undefined || this.due(resolveAt, resolveSetAt) > clock.now()) return;
    const from = clock.now();
    const later = this.looks.putOff(filter, resolveAt, from);
    record.resolveNext(later, from);
    if (later !== undefined) return;
    const end = metrics.start("resolve");
    this.deps.begins(record);
    const outcome = await resolver.run(record);
    end(outcome === undefined || filter.suspend ? "retry" : outcomeOf(outcome));
    if (outcome === undefined || !isCurrent(record) || record.filter !== filter) return;
    this.judged(record, outcome);
    if (outcome.ok) this.took(record, outcome.value, ask);
    else if (filter.suspend) record.holdBack();
    else this.deps.stopped(record, outcome.stage, outcome.error, outcome.stage === "permit" ? undefined : outcome.fallback);
    const until = clock.now();
    const isHeldOver = record.resolution.state === "failed" && record.resolution.heldOver;
    const isOver = filter.suspend && (outcome.ok || !outcome.error.retryable);
    const next = isOver ? undefined : this.looks.next(filter, { outcome, from, until, isHeldOver });
    // Somebody asked for another look meanwhile.
    record.resolveNext(record.resolveAt ?? next, until);
  }

  /** What is audited only stops nothing, and is told here. */
  private judged(record: FilterRecord, outcome: Outcome): void {
    const judgement = outcome.ok ? outcome.value.judgement : outcome.stage === "permit" ? outcome.judgement : undefined;
    if (judgement === undefined) return;
    const event = auditEvent(record.judgement, judgement);
    record.judge(judgement);
    this.deps.judged();
    if (event !== undefined) this.deps.emit(record, event);
  }

  /** `ask`: the value of `weir.dev/refresh` that had its look. */
  private took(record: FilterRecord, resolved: Resolved, ask: string | undefined): void {
    if (ask !== undefined) this.deps.emit(record, refreshed(resolved.look, revisionOf(record, record.rollout.target)?.digest));
    record.looked(resolved.look, ask);
    this.deps.resolved(record, resolved);
  }

  private async fetchLost(record: FilterRecord): Promise<void> {
    const { clock, random } = this.deps;
    const known = this.fetches.get(record) ?? NEVER_FETCHED;
    if (this.due(known.at, known.setAt) > clock.now()) return;
    this.fetches.set(record, { ...known, at: Number.POSITIVE_INFINITY });
    const failures = known.failures + 1;
    let isComplete = false;
    try {
      isComplete = await this.fetchAll(record);
    } finally {
      const now = clock.now();
      if (isComplete) this.fetches.delete(record);
      else this.fetches.set(record, { at: now + backoff(RETRY_MODULE, failures, random), setAt: now, failures });
    }
  }

  /** False when some module could not be had. */
  private async fetchAll(record: FilterRecord): Promise<boolean> {
    const controller = new AbortController();
    this.fetching.set(record, controller);
    let isComplete = true;
    for (const revision of undelivered(record)) {
      if (await provide(record, revision, "network", this.deps, controller.signal)) this.deps.provided(record);
      else isComplete = false;
    }
    return isComplete;
  }
}
