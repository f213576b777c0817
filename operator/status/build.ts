import type { Clock } from "../../model/clock.ts";
import type { WasmFilterStatus } from "../../model/gen/wasmfilter.ts";
import { wishesOf } from "../filter/annotations.ts";
import { isForgotten } from "../filter/demand.ts";
import type { FilterRecord } from "../filter/record.ts";
import { revisionOf } from "../filter/revisions.ts";
import type { Stage } from "../filter/steps.ts";
import type { Counts } from "../fleet/counts.ts";
import type { Observer } from "../fleet/observe.ts";
import type { Settling } from "../reconcile/settling.ts";
import { deadlineOf } from "../rollout/advance.ts";
import { type RolloutState, servedNumber } from "../rollout/state.ts";
import { policyOf, stepCount, stepOf } from "../rollout/steps.ts";
import { statusOf } from "./status.ts";

export interface StatusDeps {
  readonly observer: Observer;
  readonly clock: Clock;
  /** Which proxies are still expected back after a start. */
  readonly settling: Pick<Settling, "missing" | "isHeard">;
}

/** The status of a filter as of now, with this rollout state. */
export function buildStatus(record: FilterRecord, rollout: RolloutState, deps: StatusDeps): WasmFilterStatus {
  const { filter, object } = record;
  const now = deps.clock.now();
  const { id, key, revisions } = record;
  const rejections = record.rejectionsUnder(rollout);
  const seen = deps.observer.see({ id, key, filter, revisions, rejections, rollout });
  const policy = policyOf(filter);
  const isWaiting = rollout.phase === "Progressing" && !policy.autoRollback && seen.outstanding > 0;
  const pausedStep = stepOf(policy, rollout).pause === true && rollout.heldSince !== undefined;
  const facts = {
    now,
    generation: object.metadata.generation ?? 1,
    resolution: record.resolution,
    trouble: record.trouble,
    judgement: record.judgement,
    verifies: (filter?.verify.length ?? 0) > 0 || record.verdicts.length > 0 || isStoppedAt(record, "verify"),
    signers: record.verdicts.map(({ by }) => by),
    suspended: filter?.suspend === true,
    measurements: record.measurements,
    rollout: { ...rollout, step: Math.min(rollout.step, stepCount(policy) - 1) },
    target: revisionOf(record, rollout.target),
    served: revisionOf(record, servedNumber(rollout)),
    hung: seen.hung,
    standIns: seen.standIns,
    isDemanded: isForgotten(record) || (record.demand !== undefined && (record.demand.fromTheStart || rollout.phase !== "Idle")),
    counts: withMissing(seen.counts, deps.settling.missing(record, seen)),
    isHeard: deps.settling.isHeard(record, seen),
    paused: wishesOf(object).paused || pausedStep,
    deadlineExceeded: isWaiting && now >= deadlineOf(rollout, policy, record.watchedSince ?? now),
  };
  const input = { facts, policy, revisions, lastLook: record.lastLook, rejections: seen.rejections, now, wakeAt: record.nextStepAt };
  return statusOf(input, record.status);
}

/** A policy may demand signatures that the spec does not ask for. */
function isStoppedAt({ resolution }: FilterRecord, stage: Stage): boolean {
  return resolution.state === "failed" && resolution.stage === stage;
}

/** Proxies that are expected back count as pending, so that an operator killed again before they are back still waits for them. */
function withMissing(counts: Counts, missing: number): Counts {
  return missing === 0 ? counts : { ...counts, matched: counts.matched + missing, pending: counts.pending + missing };
}
