import type { Clock } from "../model/clock.ts";
import type { Failure } from "../model/result.ts";
import type { FilterRecord } from "./record.ts";
import { type Resolution, type ResolveDeps, resolveFilter } from "./resolve.ts";

/** Resolutions under way at once: they compete for network and CPU, and one that hangs must not stop the rest. */
const CONCURRENCY = 4;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;
/** One resolution, download included, may take this long. */
const TIMEOUT_MS = 300_000;
/** What was under way when the time was over says only that it was canceled. */
const TOO_LATE: Failure = {
  reason: "ResolveTimeout",
  message: `fetching and proving the module took longer than ${TIMEOUT_MS / 60_000} minutes; check how fast the registry answers`,
  retryable: true,
};

/**
 * Runs resolutions: at once when a spec or something it refers to changed, again with backoff when one failed in a way that may pass, and every
 * `interval` where pullPolicy is Always.
 */
export interface Resolver {
  /** Resolves this record's present spec, dropping what is under way for an older one. */
  request(record: FilterRecord): void;
  cancel(id: string): void;
  stop(): void;
}

interface Job {
  readonly record: FilterRecord;
  readonly abort: AbortController;
  failures: number;
  cancelTimer: () => void;
}

export interface ResolverOptions {
  readonly deps: ResolveDeps;
  readonly clock: Clock;
  /** A number in [0, 1) for jitter. */
  readonly random: () => number;
  /**
   * Called with each answer. A record that was requested again or cancelled meanwhile gets none for the older request. False: the answer could
   * not be made use of now, and is wanted again.
   */
  readonly done: (record: FilterRecord, resolution: Resolution) => Promise<boolean>;
}

export function createResolver({ deps, clock, random, done }: ResolverOptions): Resolver {
  const jobs = new Map<string, Job>();
  const queue: Job[] = [];
  let running = 0;

  function enqueue(job: Job): void {
    queue.push(job);
    drain();
  }

  function drain(): void {
    while (running < CONCURRENCY) {
      const job = queue.shift();
      if (job === undefined) return;
      if (job.abort.signal.aborted) continue;
      running++;
      void run(job).finally(() => {
        running--;
        drain();
      });
    }
  }

  async function run(job: Job): Promise<void> {
    const { record, abort } = job;
    const filter = record.filter;
    if (filter === undefined) return;
    const late = new AbortController();
    const cancelLate = clock.after(TIMEOUT_MS, () => late.abort());
    const signal = AbortSignal.any([abort.signal, late.signal]);
    const outcome = await resolveFilter(filter, record.revisions, deps, signal).catch(unexpected);
    cancelLate();
    if (abort.signal.aborted) return;
    const resolution = !outcome.ok && late.signal.aborted ? { ...outcome, error: TOO_LATE } : outcome;
    const used = await done(record, resolution);
    if (abort.signal.aborted) return;
    const delay = used ? nextDelay(job, resolution) : backoff(job);
    if (delay !== undefined) job.cancelTimer = clock.after(delay, () => enqueue(job));
  }

  function backoff(job: Job): number {
    return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** job.failures++) * (0.75 + random() / 2);
  }

  function nextDelay(job: Job, resolution: Resolution): number | undefined {
    if (!resolution.ok && resolution.error.retryable) return backoff(job);
    job.failures = 0;
    const filter = job.record.filter;
    const follows = filter?.pullPolicy === "Always" && filter.pin === undefined && filter.source.kind === "image";
    // What is missing or denied now may be pushed or granted later, and no watch tells of that.
    const mayAppear = !resolution.ok && resolution.stage === "Resolved";
    return follows || mayAppear ? filter?.intervalMs : undefined;
  }

  function cancel(id: string): void {
    const job = jobs.get(id);
    job?.abort.abort();
    job?.cancelTimer();
    jobs.delete(id);
  }

  return {
    request(record) {
      cancel(record.id);
      const job: Job = { record, abort: new AbortController(), failures: 0, cancelTimer: () => {} };
      jobs.set(record.id, job);
      enqueue(job);
    },
    cancel,
    stop() {
      for (const id of [...jobs.keys()]) cancel(id);
    },
  };
}

/** A bug in resolving one filter must not take the others down: it is reported on that filter and tried again. */
function unexpected(error: unknown): Resolution {
  const message = error instanceof Error ? error.message : String(error);
  return { ok: false, stage: "Resolved", error: { reason: "InternalError", message: `unexpected: ${message}`, retryable: true } };
}
