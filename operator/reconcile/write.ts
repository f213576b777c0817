import { isDeepStrictEqual } from "node:util";
import { clip, oneLine } from "../../base/text.ts";
import type { Requeue } from "../../base/work-queue.ts";
import type { WasmFilterStatus } from "../../model/gen/wasmfilter.ts";
import type { Leadership } from "../../model/leadership.ts";
import type { Log } from "../../model/log.ts";
import type { Metrics } from "../../model/metrics.ts";
import { type Failure, failForNow, type Result } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";
import type { FilterRecord } from "../filter/record.ts";
import { revisionOf, surplus } from "../filter/revisions.ts";
import type { RolloutState } from "../rollout/state.ts";
import { recordProblem } from "../source/revision-record.ts";
import type { FilterEvent, Source } from "../source/source.ts";
import { newsOf } from "../status/news.ts";

export interface WriteDeps {
  readonly source: Pick<Source, "saveRevision" | "rewriteRevision" | "deleteRevision" | "writeStatus">;
  readonly leadership: Pick<Leadership, "isLeading">;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly status: (record: FilterRecord, rollout: RolloutState) => WasmFilterStatus;
  readonly emit: (record: FilterRecord, event: FilterEvent, revision?: Revision) => void;
  /** False for a record that another has taken the place of. */
  readonly isCurrent: (record: FilterRecord) => boolean;
  /** The new revision could not be recorded. */
  readonly unrecorded: (record: FilterRecord, error: Failure) => void;
  /** A revision was recorded, or a proposal is in the status: the reconcile goes on. */
  readonly written: (record: FilterRecord) => void;
}

/**
 * The task that writes what a record has to say: a new revision, then the status, then what may be deleted. One write of a filter comes after the other,
 * so that an older status never undoes what a newer one says.
 */
export function createWrite(deps: WriteDeps): (record: FilterRecord) => Promise<Requeue> {
  const { source, log, isCurrent } = deps;
  /** Why a status could not be written, as it was told last. */
  const told = new WeakMap<FilterRecord, string>();

  async function writeStatus(record: FilterRecord): Promise<boolean> {
    const { proposal } = record;
    const status = deps.status(record, proposal?.state ?? record.rollout);
    if (!isDeepStrictEqual(status, record.status)) {
      const written = await source.writeStatus(record.key, record.uid, status);
      if (!written.ok) {
        const { reason, message } = written.error;
        if (!isCurrent(record)) return true;
        deps.metrics.retried("status");
        log.warn("the status could not be written", { filter: record.id, reason, message });
        // What no retry mends can be told in no status, but in an Event.
        if (!written.error.retryable && reason !== "ObjectGone" && told.get(record) !== message) {
          told.set(record, message);
          deps.emit(record, {
            type: "Warning",
            reason: "StatusNotWritten",
            message: `the status could not be written: ${wordsOf(message)}`,
          });
        }
        return false;
      }
      const news = newsOf(record.status, status);
      record.reported(status);
      for (const event of news) deps.emit(record, event, revisionOf(record, (proposal?.state ?? record.rollout).target));
    }
    if (proposal !== undefined) {
      record.confirm(proposal);
      deps.written(record);
    }
    return true;
  }

  /**
   * Deletes the revisions beyond spec.revisionHistoryLimit. The status says first that one is gone: it replaces what this server knew, or nothing, and who decides next
   * leads nothing to that revision, however late its deletion arrives.
   */
  async function prune(record: FilterRecord): Promise<void> {
    for (let oldest = oldestSurplus(record); oldest !== undefined; oldest = oldestSurplus(record)) {
      // First: a spec that asks for its content while it is deleted gets a new revision.
      record.prune(oldest);
      if (!(await writeStatus(record)) || !isCurrent(record) || !deps.leadership.isLeading()) return record.restore(oldest);
      const deleted = await source.deleteRevision(record.key, record.uid, oldest.number);
      if (!deleted.ok) {
        record.restore(oldest);
        log.warn("a revision beyond spec.revisionHistoryLimit could not be deleted", {
          filter: record.id,
          revision: oldest.number,
          message: deleted.error.message,
        });
        return;
      }
    }
  }

  return async (record) => {
    if (!record.recalled || !deps.leadership.isLeading()) return {};
    const { unrecorded } = record;
    const outcome = unrecorded === undefined ? undefined : await recordRevision(record, unrecorded, deps);
    // What the new revision leads to is decided first: the status is then written once.
    if (outcome === "recorded") return {};
    const isRecorded = outcome !== "later";
    const isWritten = await writeStatus(record);
    const isRewritten = await rewriteRevisions(record, deps);
    if (isRecorded && isWritten && isRewritten) await prune(record);
    return { retry: !isRecorded || !isWritten || !isRewritten };
  };
}

/** Whether the new revision is in the source's history now, is tried again, or never can be. */
async function recordRevision(
  record: FilterRecord,
  { revision, measurements }: NonNullable<FilterRecord["unrecorded"]>,
  deps: WriteDeps,
): Promise<"recorded" | "later" | "never"> {
  const saved = await save(record, revision, deps);
  if (!deps.isCurrent(record)) return "recorded";
  if (!saved.ok) {
    const error = notKept(saved.error);
    if (record.unrecorded?.revision === revision) deps.unrecorded(record, error);
    return error.retryable ? "later" : "never";
  }
  record.recorded(revision);
  const proof = measurements === undefined ? "" : `, proved in ${(measurements.compileMs + measurements.startMs).toFixed(0)} ms`;
  const message = `revision ${revision.number}: ${revision.image} is ${revision.digest}${proof}`;
  deps.emit(record, { type: "Normal", reason: "Validated", message }, revision);
  deps.written(record);
  return "recorded";
}

/** What is too large is not even sent. What is thrown, which only a bug does, is a failure like another: the status is written and says so. */
async function save({ id, key, uid }: FilterRecord, revision: Revision, { source, log }: WriteDeps): Promise<Result<void>> {
  const problem = recordProblem(revision);
  if (problem !== undefined) return { ok: false, error: problem };
  try {
    return await source.saveRevision(key, uid, revision);
  } catch (error) {
    log.error("recording a revision failed unexpectedly; tried again", {
      filter: id,
      error: error instanceof Error ? error.stack : String(error),
    });
    return failForNow("InternalError", `${error instanceof Error ? error.name : "an error"} that nobody expected; the log says more`);
  }
}

/** False when a record could not be rewritten. It is tried again, and no step of the rollout waits for it. */
async function rewriteRevisions(record: FilterRecord, { source, log, isCurrent }: WriteDeps): Promise<boolean> {
  for (const revision of record.rewritten) {
    const rewritten = await source.rewriteRevision(record.key, record.uid, revision);
    if (!isCurrent(record)) return true;
    if (!rewritten.ok) {
      const { reason, message } = rewritten.error;
      log.warn("a revision's record could not be rewritten", { filter: record.id, revision: revision.number, reason, message });
      return false;
    }
    record.settle(revision);
  }
  return true;
}

/** The revision to delete next. What is in use may have changed while the one before was deleted. */
function oldestSurplus(record: FilterRecord): Revision | undefined {
  const { filter, rollout, proposal, candidate, revisions } = record;
  if (filter === undefined) return undefined;
  const used = [rollout.target, rollout.stable, candidate?.number, proposal?.state.target, proposal?.state.stable];
  const inUse = new Set(used.filter((number) => number !== undefined));
  return revisionOf(record, surplus(revisions, filter.revisionHistoryLimit, inUse)[0]);
}

/** Characters of what a source says that an Event passes on. */
const LONGEST_WORDS = 500;

function wordsOf(message: string): string {
  return clip(oneLine(message), LONGEST_WORDS);
}

/** Causes that somebody has to see to keep their name. */
const NAMED: ReadonlySet<string> = new Set(["NamespaceTerminating", "RevisionForbidden", "RevisionTooLarge"]);

export function notKept({ reason, message, retryable }: Failure): Failure {
  return {
    reason: NAMED.has(reason) ? reason : "RevisionNotKept",
    message: `the new revision could not be recorded: ${message}`,
    retryable: retryable || !NAMED.has(reason),
  };
}
