import { type BackoffPolicy, backoff } from "../../base/backoff.ts";
import type { Requeue } from "../../base/work-queue.ts";
import type { Clock } from "../../model/clock.ts";
import type { Filter } from "../../model/filter.ts";
import { type Metrics, outcomeOf } from "../../model/metrics.ts";
import type { Failure } from "../../model/result.ts";
import type { FilterRecord } from "../filter/record.ts";
import type { Stage } from "../filter/steps.ts";
import type { Outcome, Resolved } from "../resolve/resolve.ts";
import type { Resolver } from "../resolve/resolver.ts";
import { type ProvideDeps, provide, undelivered } from "../serve/deliverable.ts";

export interface AcquireDeps extends ProvideDeps {
  readonly resolver: Resolver;
  readonly clock: Clock;
  /** A number in [0, 1) for jitter. */
  readonly random: () => number;
  readonly metrics: Metrics;
  /** False for a record that another has taken the place of. */
  readonly isCurrent: (record: FilterRecord) => boolean;
  readonly resolved: (record: FilterRecord, resolved: Resolved) => void;
  /** The record's spec stopped at a stage. */
  readonly stopped: (record: FilterRecord, stage: Stage, error: Failure) => void;
  /** Another revision of the record can be served. */
  readonly provided: (record: FilterRecord) => void;
}

const RETRY: BackoffPolicy = { firstMs: 1_000, longestMs: 60_000, jitter: [0.75, 1.25] };
const RETRY_MODULE: BackoffPolicy = { ...RETRY, longestMs: 10_000 };

/** Brings in what a filter lacks: the content that its spec asks for, and modules of kept revisions that the store lost. */
export interface Acquire {
  /** When there is something to do for the record, in milliseconds since the epoch; `undefined`: nothing. */
  dueAt(record: FilterRecord): number | undefined;
  run(record: FilterRecord): Promise<Requeue>;
}

export function createAcquire(deps: AcquireDeps): Acquire {
  const { resolver, clock, random, isCurrent } = deps;
  /** Failures in a row, by spec. */
  const failures = new WeakMap<Filter, number>();
  /** When lost modules are fetched next, and how often that failed in a row. */
  const fetches = new WeakMap<FilterRecord, { readonly at: number; readonly failures: number }>();

  async function resolve(record: FilterRecord): Promise<void> {
    const { filter, resolveAt } = record;
    if (filter === undefined || resolveAt === undefined || resolveAt > clock.now()) return;
    record.resolveNext(undefined);
    const end = deps.metrics.start("resolve");
    const outcome = await resolver.run(record);
    end(outcome === undefined ? "retry" : outcomeOf(outcome));
    if (outcome === undefined || !isCurrent(record) || record.filter !== filter) return;
    if (outcome.ok) deps.resolved(record, outcome.value);
    else deps.stopped(record, outcome.stage, outcome.error);
    const delay = nextDelay(filter, outcome);
    record.resolveNext(delay === undefined ? undefined : clock.now() + delay);
  }

  function nextDelay(filter: Filter, outcome: Outcome): number | undefined {
    if (!outcome.ok && outcome.error.retryable) {
      const count = (failures.get(filter) ?? 0) + 1;
      failures.set(filter, count);
      return backoff(RETRY, count, random);
    }
    failures.delete(filter);
    const isFollowed = filter.pullPolicy === "Always" && filter.pin === undefined && filter.source.kind === "image";
    // What is missing or denied now may be pushed or granted later, and no watch tells of that.
    const mayAppear = !outcome.ok && outcome.stage === "resolve";
    return isFollowed || mayAppear ? filter.intervalMs : undefined;
  }

  async function fetchLost(record: FilterRecord): Promise<void> {
    const known = fetches.get(record) ?? { at: 0, failures: 0 };
    if (known.at > clock.now()) return;
    fetches.set(record, { ...known, at: Number.POSITIVE_INFINITY });
    let isComplete = true;
    for (const revision of undelivered(record)) {
      if (await provide(record, revision, "network", deps)) deps.provided(record);
      else isComplete = false;
    }
    const count = known.failures + 1;
    if (isComplete) fetches.delete(record);
    else fetches.set(record, { at: clock.now() + backoff(RETRY_MODULE, count, random), failures: count });
  }

  return {
    dueAt(record) {
      const fetchAt = undelivered(record).length === 0 ? Number.POSITIVE_INFINITY : (fetches.get(record)?.at ?? 0);
      const at = Math.min(fetchAt, record.resolveAt ?? Number.POSITIVE_INFINITY);
      return Number.isFinite(at) ? at : undefined;
    },
    async run(record) {
      await Promise.all([fetchLost(record), resolve(record)]);
      return {};
    },
  };
}
