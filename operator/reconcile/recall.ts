import { isDeepStrictEqual } from "node:util";
import type { Requeue } from "../../base/work-queue.ts";
import type { Clock } from "../../model/clock.ts";
import type { WasmFilterStatus } from "../../model/gen/wasmfilter.ts";
import type { Leadership } from "../../model/leadership.ts";
import type { Log } from "../../model/log.ts";
import type { Failure } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";
import type { FilterRecord } from "../filter/record.ts";
import { revisionOf } from "../filter/revisions.ts";
import { isInForce } from "../rollout/state.ts";
import { type ProvideDeps, provide } from "../serve/deliverable.ts";
import type { Source } from "../source/source.ts";
import { wordsOf } from "../source/words.ts";
import { rolloutFrom } from "../status/status.ts";
import { unreadStatus } from "../status/unread.ts";
import type { Withdrawing } from "./withdrawing.ts";

export interface RecallDeps extends ProvideDeps {
  readonly source: Pick<Source, "revisions" | "secret" | "writeStatus">;
  readonly leadership: Pick<Leadership, "isLeading">;
  readonly log: Log;
  readonly clock: Clock;
}

/** Reads back what an earlier run or another server knew. Tried again for as long as the source needs: without it the stable revision would be forgotten. */
export async function recall(record: FilterRecord, deps: RecallDeps): Promise<Requeue> {
  if (record.recalled && !lacksRevisions(record)) return {};
  const kept = await deps.source.revisions(record.key, record.uid);
  if (!kept.ok) {
    deps.log.warn("the revisions could not be read; tried again", { filter: record.id, message: kept.error.message });
    if (deps.leadership.isLeading()) await tell(record, kept.error, deps);
    return { retry: true };
  }
  const stored = notDeleted(kept.value, record.object.status);
  const revisions = stored.map((revision) => deps.identity.keyed(record.key, revision));
  const rewritten = revisions.filter((revision, index) => revision !== stored[index]);
  const rollout = rolloutFrom(record.object.status, revisions);
  const provided = (number: number | undefined) => provide(record, revisionOf({ revisions }, number), "store", deps);
  const isStableReady = await provided(rollout.stable);
  const isTargetReady = rollout.phase === "Progressing" && (await provided(rollout.target));
  record.recall(revisions, rewritten, rollout);
  if (isInForce(rollout) ? isTargetReady : isStableReady) record.pass();
  return {};
}

/** The rollout of a record that was recalled stands where the object's status records it. */
export function standAsRecorded(record: FilterRecord, withdrawing: Pick<Withdrawing, "recorded">): void {
  const { object, rewritten } = record;
  const revisions = notDeleted(record.revisions, object.status);
  record.recall(revisions, rewritten, rolloutFrom(object.status, revisions));
  withdrawing.recorded(record);
}

/**
 * Without those that the status has dropped: their deletion may be on its way. One that is newer than all of the status was recorded since; one that is in use is not
 * dropped, whoever wrote the status.
 */
function notDeleted(revisions: readonly Revision[], status: WasmFilterStatus | undefined): readonly Revision[] {
  const { history = [], revision: target, stableRevision: stable } = status ?? {};
  const known = new Set([target, stable, ...history.map(({ revision }) => revision)]);
  const newest = history.reduce((highest, { revision }) => Math.max(highest, revision), 0);
  return newest === 0 ? revisions : revisions.filter(({ number }) => number > newest || known.has(number));
}

/** True when the status speaks of a revision that was recorded since they were read. */
export function lacksRevisions({ object, revisions }: Pick<FilterRecord, "object" | "revisions">): boolean {
  const known = new Set(revisions.map(({ number }) => number));
  return object.status?.history?.some(({ revision }) => !known.has(revision)) === true;
}

/** Says in the status why nothing is decided. Where that cannot be written either, the log has it. */
async function tell(record: FilterRecord, error: Failure, { source, clock }: RecallDeps): Promise<void> {
  const { key, uid, object } = record;
  const failure = { ...error, message: wordsOf(error.message) };
  const status = unreadStatus(record.status, object.metadata.generation ?? 1, failure, clock.now());
  if (isDeepStrictEqual(status, record.status)) return;
  const written = await source.writeStatus(key, uid, status);
  if (written.ok) record.reported(status);
}
