import { messageOf } from "../../base/error.ts";
import { abortAfter } from "../../model/clock.ts";
import type { Filter } from "../../model/filter.ts";
import type { Failure } from "../../model/result.ts";
import type { FilterRecord } from "../filter/record.ts";
import { revisionOf } from "../filter/revisions.ts";
import { servedNumber } from "../rollout/state.ts";
import { rejudge } from "./rejudge.ts";
import { type Outcome, type ResolveDeps, resolveFilter } from "./resolve.ts";
import { resolveServed } from "./served.ts";

/** One resolution, download included, may take this long. */
const TIMEOUT_MS = 300_000;
/** What was under way when the time was over says only that it was canceled. */
const TOO_LATE: Failure = {
  reason: "ResolveTimeout",
  message: `fetching and proving the module took longer than ${TIMEOUT_MS / 60_000} minutes; check how fast the registry answers`,
  retryable: true,
};

/** What is resolved: a record, or what stands for one. */
export type Resolvable = Pick<FilterRecord, "filter" | "revisions" | "rollout" | "lastLook" | "ask">;

/** Runs the slow steps of a reconcile, bounded in time. */
export interface Resolver {
  /** Resolves the record's present spec; while it is suspended, only whether that is what is served. `undefined`: it was cancelled meanwhile. */
  run(record: Resolvable): Promise<Outcome | undefined>;
  /** Stops what is under way for this record. */
  cancel(record: Resolvable): void;
}

export function createResolver(deps: ResolveDeps): Resolver {
  const running = new Map<Resolvable, AbortController>();
  return {
    async run(record) {
      const { filter, revisions, rollout, lastLook, ask } = record;
      if (filter === undefined) return undefined;
      const cancelled = new AbortController();
      running.set(record, cancelled);
      const late = abortAfter(deps.clock, TIMEOUT_MS);
      const signal = AbortSignal.any([cancelled.signal, late.signal]);
      const served = revisionOf(record, servedNumber(rollout));
      const asking = { last: lastLook, isAsked: ask !== undefined };
      const resolving = filter.suspend
        ? resolveServed(filter, revisions, served, lastLook, deps)
        : resolveFilter(filter, revisions, asking, deps, signal).then((outcome) => withRejudged(outcome, filter, record, deps, signal));
      const outcome = await resolving.catch((error: unknown) => unexpected(error, filter));
      late.cancel();
      if (running.get(record) === cancelled) running.delete(record);
      if (cancelled.signal.aborted) return undefined;
      return !outcome.ok && late.signal.aborted ? { ...outcome, error: TOO_LATE } : outcome;
    },
    cancel(record) {
      running.get(record)?.abort();
      running.delete(record);
    },
  };
}

/** What a refusal for a signature means for what runs. */
async function withRejudged(
  outcome: Outcome,
  filter: Filter,
  record: Resolvable,
  deps: ResolveDeps,
  signal: AbortSignal,
): Promise<Outcome> {
  if (outcome.ok || outcome.stage !== "verify" || outcome.error.retryable) return outcome;
  return { ...outcome, ...(await rejudge(filter, record, { digest: outcome.digest, error: outcome.error }, deps, signal)) };
}

/** A bug in resolving one filter must not take the others down: it is reported on that filter and tried again. */
function unexpected(error: unknown, { configFrom, pullSecrets }: Filter): Outcome {
  // An error may quote what it is about.
  const isSecret = configFrom?.kind === "secret" || pullSecrets.length > 0;
  const what = isSecret && error instanceof Error ? `${error.name}; the filter reads a Secret, so no more is shown` : messageOf(error);
  return { ok: false, stage: "resolve", error: { reason: "InternalError", message: `unexpected: ${what}`, retryable: true } };
}
