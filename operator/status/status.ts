import { describeMs } from "../../base/duration.ts";
import { shortDigest } from "../../model/digest.ts";
import type { RolloutPolicy } from "../../model/filter.ts";
import type {
  WasmFilterStatus,
  WasmFilterStatusHistoryItem,
  WasmFilterStatusRejection,
  WasmFilterStatusRollout,
  WasmFilterStatusRolloutWatch,
} from "../../model/gen/wasmfilter.ts";
import type { Fields } from "../../model/kube.ts";
import { areMatches, showMatches } from "../../model/match.ts";
import { parseProxyKey } from "../../model/proxy-key.ts";
import type { Revision, RevisionResult } from "../../model/revision.ts";
import type { LastLook } from "../filter/look.ts";
import { revisionOf } from "../filter/revisions.ts";
import { haveOnePlace } from "../rollout/dark.ts";
import { idle, isInForce, type Outcome, type Phase, type RolloutState, type Watch } from "../rollout/state.ts";
import { stepCount, stepOf } from "../rollout/steps.ts";
import { conditionsOf, type Facts } from "./conditions.ts";

/** Rejections shown in the status; the count beside them is complete. */
const SHOWN_REJECTIONS = 10;
/** Longest message kept of one rejection or outcome, in characters. */
const LONGEST_MESSAGE = 1024;

export interface StatusInput {
  readonly facts: Facts;
  readonly policy: RolloutPolicy;
  readonly revisions: readonly Revision[];
  readonly lastLook: LastLook;
  /** `key`: of the proxy. */
  readonly rejections: readonly { readonly key: string; readonly message: string }[];
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** When a held wave may end; milliseconds since the epoch. */
  readonly wakeAt: number | undefined;
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}

/** The status of a filter: what people read, and what a restarted operator goes on from (see rolloutFrom). */
export function statusOf(input: StatusInput, previous: WasmFilterStatus | undefined): WasmFilterStatus {
  const { facts, revisions } = input;
  const { rollout, counts, served } = facts;
  return {
    observedGeneration: facts.generation,
    ...(served === undefined ? {} : { digest: served.digest, wasmDigest: served.wasmDigest }),
    ...(rollout.target === undefined ? {} : { revision: rollout.target }),
    ...(rollout.stable === undefined ? {} : { stableRevision: rollout.stable }),
    ...(Object.keys(input.lastLook).length === 0 ? {} : { resolved: { ...input.lastLook } }),
    summary: { digest: shortDigest(served?.digest), proxies: `${counts.updated}/${counts.matched}`, ...loadOf(facts, previous) },
    proxies: { ...counts },
    ...(input.rejections.length === 0
      ? {}
      : {
          rejections: input.rejections.slice(0, SHOWN_REJECTIONS).map(({ key, message }) => rejectionOf(key, message)),
        }),
    ...(rollout.phase === "Idle" ? {} : { rollout: rolloutStatus(input) }),
    history: revisions.toReversed().map((revision) => historyItem(revision, rollout.outcomes.get(revision.number))),
    conditions: conditionsOf(facts, (previous?.conditions ?? []) as Parameters<typeof conditionsOf>[1], time(input.now)),
  };
}

/** What the target takes to load. It is measured once, when the revision is made; after that the status remembers it. */
function loadOf({ measurements, rollout }: Facts, previous: WasmFilterStatus | undefined): { readonly load?: string } {
  if (measurements?.loadMs !== undefined) return { load: `${describeMs(measurements.loadMs)} of CPU` };
  const load = previous?.revision === rollout.target ? previous?.summary?.load : undefined;
  return load === undefined ? {} : { load };
}

function rejectionOf(key: string, message: string): WasmFilterStatusRejection {
  const { namespace, id } = parseProxyKey(key);
  return { proxy: id, namespace, message: message.slice(0, LONGEST_MESSAGE) };
}

function rolloutStatus({ facts, policy, revisions, wakeAt }: StatusInput): WasmFilterStatusRollout {
  const { rollout, paused, suspended, deadlineExceeded } = facts;
  const state = rolloutStateName(rollout, paused || suspended, deadlineExceeded);
  const holding = rollout.phase === "Progressing" && rollout.heldSince !== undefined;
  const steps = rollout.watch === undefined ? stepCount(policy) : 1;
  const message = storyOf(facts, revisions);
  return {
    state,
    step: Math.min(rollout.step + 1, steps),
    steps,
    percent: rollout.phase === "Progressing" ? stepOf(policy, rollout).percent : 100,
    threshold: rollout.threshold,
    ...(rollout.order === "hmac" ? { order: rollout.order } : {}),
    startTime: time(rollout.startedAt),
    stepTime: time(rollout.stepAt),
    ...(holding ? { holdTime: time(rollout.heldSince ?? 0) } : {}),
    ...(holding && wakeAt !== undefined ? { nextStepTime: time(wakeAt) } : {}),
    ...(rollout.match === undefined ? {} : { match: rollout.match as readonly Fields[] }),
    ...(rollout.watch === undefined ? {} : { watch: tallyOf(rollout.watch) }),
    ...(message === "" ? {} : { message: message.slice(0, LONGEST_MESSAGE) }),
  };
}

/** What the rollout waits for, or how it ended. */
function storyOf({ rollout, target, counts }: Facts, revisions: readonly Revision[]): string {
  if (rollout.phase !== "Progressing") return rollout.outcomes.get(rollout.target ?? 0)?.message ?? "";
  if (isInForce(rollout)) return inForce(counts);
  const waitsFor = rollout.heldSince === undefined ? "waits for the proxies of this wave" : "the wave is being watched";
  return `${waitsFor}${darkOf(rollout, target, revisions)}`;
}

/** Proxies may come and go while it is watched. */
function inForce({ matched, updated }: Facts["counts"]): string {
  if (updated === matched) return "every proxy runs it and is being watched";
  return `every proxy ran it, and it is being watched; ${matched - updated} of ${matched} came later, or is lost`;
}

/** Who sees the target in a dark step. */
function darkOf({ match, stable }: RolloutState, target: Revision | undefined, revisions: readonly Revision[]): string {
  if (match === undefined || target === undefined) return "";
  const isPossible = haveOnePlace(target, revisionOf({ revisions }, stable));
  if (!isPossible) return "; no request sees it, as it is not to stand in the slot or priority of the stable revision";
  return `; only these requests see it: ${showMatches(match)}`;
}

function tallyOf({ before }: Watch): WasmFilterStatusRolloutWatch {
  if (before === undefined) return {};
  const { requests, errors5xx, latencySumMs, latencyCount } = before;
  return { requests, errors5xx, latencySumMs: Math.round(latencySumMs), latencyCount };
}

/** What `tallyOf` wrote. Somebody else may have written it. */
function watchFrom({ requests, errors5xx = 0, latencySumMs = 0, latencyCount = 0 }: WasmFilterStatusRolloutWatch): Watch {
  return { before: requests === undefined ? undefined : { requests, errors5xx, latencySumMs, latencyCount } };
}

function rolloutStateName(rollout: RolloutState, paused: boolean, deadlineExceeded: boolean): WasmFilterStatusRollout["state"] {
  if (rollout.phase === "Idle") return "Progressing";
  if (rollout.phase !== "Progressing") return rollout.phase;
  if (deadlineExceeded) return "Failed";
  if (paused) return "Paused";
  return rollout.heldSince === undefined ? "Progressing" : "Holding";
}

function historyItem(revision: Revision, outcome: Outcome | undefined): WasmFilterStatusHistoryItem {
  return {
    revision: revision.number,
    digest: revision.digest,
    wasmDigest: revision.wasmDigest,
    image: revision.image,
    time: revision.time,
    result: outcome?.result ?? "Superseded",
    ...(outcome?.message ? { message: outcome.message.slice(0, LONGEST_MESSAGE) } : {}),
    ...(outcome === undefined ? {} : { generation: outcome.generation, endTime: time(outcome.at) }),
  };
}

const PHASES: Readonly<Record<WasmFilterStatusRollout["state"], Phase>> = {
  Progressing: "Progressing",
  Holding: "Progressing",
  Paused: "Progressing",
  Failed: "Progressing",
  Succeeded: "Succeeded",
  RolledBack: "RolledBack",
  Rejected: "Rejected",
};

function ms(text: string | undefined): number {
  const value = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isFinite(value) ? value : 0;
}

/**
 * The rollout as the last status recorded it. Revisions that are no longer kept are dropped; a status that makes no sense (somebody else wrote
 * it) starts the rollout again rather than trusting it.
 */
export function rolloutFrom(status: WasmFilterStatus | undefined, revisions: readonly Revision[]): RolloutState {
  const known = new Set(revisions.map(({ number }) => number));
  const keep = (number: number | undefined) => (number !== undefined && known.has(number) ? number : undefined);
  const outcomes = new Map<number, Outcome>();
  for (const item of status?.history ?? []) {
    if (!known.has(item.revision)) continue;
    const result: RevisionResult = item.result;
    outcomes.set(item.revision, { result, message: item.message ?? "", generation: item.generation ?? 0, at: ms(item.endTime) });
  }
  const stable = keep(status?.stableRevision);
  const target = keep(status?.revision);
  const rollout = status?.rollout;
  const phase = rollout === undefined ? undefined : PHASES[rollout.state];
  if (
    target === undefined ||
    rollout === undefined ||
    phase === undefined ||
    (rollout.match !== undefined && !areMatches(rollout.match)) ||
    (phase !== "Progressing" && phase !== "Rejected" && stable === undefined)
  ) {
    return stable === undefined ? { ...idle, outcomes } : { ...idle, phase: "Succeeded", target: stable, stable, outcomes };
  }
  return {
    phase,
    target,
    stable,
    step: Math.max(0, (rollout.step ?? 1) - 1),
    threshold: rollout.threshold ?? 0,
    order: rollout.order ?? "fnv",
    startedAt: ms(rollout.startTime),
    stepAt: ms(rollout.stepTime),
    heldSince: rollout.holdTime === undefined ? undefined : ms(rollout.holdTime),
    match: phase === "Progressing" && areMatches(rollout.match) ? rollout.match : undefined,
    watch: phase === "Progressing" && rollout.watch !== undefined ? watchFrom(rollout.watch) : undefined,
    outcomes,
  };
}
