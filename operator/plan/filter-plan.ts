import { isDeepStrictEqual } from "node:util";
import { count } from "../../base/text.ts";
import type { Clock } from "../../model/clock.ts";
import type { CrashJournal } from "../../model/crash-journal.ts";
import type { FleetView } from "../../model/delivery.ts";
import { type Filter, type FilterKey, filterId } from "../../model/filter.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { FilterPlan, ObjectChange, PlannedProof, PlannedRefusal, PlannedRevision } from "../../model/plan.ts";
import type { Failure } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";
import { wishesOf } from "../filter/annotations.ts";
import { demandOf } from "../filter/demand.ts";
import { goalOf } from "../filter/goal.ts";
import { openAsk } from "../filter/look.ts";
import { uidOf } from "../filter/object.ts";
import type { FilterRecord } from "../filter/record.ts";
import type { RevisionIdentity } from "../filter/revision-identity.ts";
import { findOrMake } from "../filter/revisions.ts";
import { conditionOf, type Stage } from "../filter/steps.ts";
import { withDefaults } from "../parse/defaults.ts";
import { wasmFilterSchema } from "../parse/schema.ts";
import { parseUnlessSetAside } from "../parse/set-aside.ts";
import { audited } from "../policy/events.ts";
import { describeViolation } from "../policy/judge.ts";
import { notKept } from "../reconcile/write.ts";
import { mayEnd } from "../resolve/looks.ts";
import type { Resolver } from "../resolve/resolver.ts";
import { idle } from "../rollout/state.ts";
import type { WaveLine } from "../rollout/wave.ts";
import { recordProblem } from "../source/revision-record.ts";
import { objectChanges } from "./object-changes.ts";
import type { AskedFilter } from "./request.ts";
import { plannedChanges } from "./revision-changes.ts";
import { matchedBy, NOTHING_OUT, planNothing, planRollout } from "./rollout-plan.ts";

export interface FilterPlanDeps {
  readonly resolver: Resolver;
  readonly identity: RevisionIdentity;
  readonly fleet: Pick<FleetView, "proxies">;
  readonly line: WaveLine;
  readonly clock: Clock;
  readonly crashes: CrashJournal;
  readonly ownNamespace: string | undefined;
}

const NOT_READ: Failure = { reason: "NotRead", message: "the filter's history is still being read; try again", retryable: true };
const CUT_SHORT: Failure = {
  reason: "PlanTimeout",
  message: "there was no time left to resolve and prove it; plan fewer filters at a time, or check how fast the registry answers",
  retryable: true,
};

/** What applying one WasmFilter would do. `record`: what is known of the one that is there. Changes nothing but the store, which may keep the module. */
export async function planFilter(
  { key, object: asked }: AskedFilter,
  record: FilterRecord | undefined,
  deps: FilterPlanDeps,
  signal: AbortSignal,
): Promise<FilterPlan> {
  const { crashes } = deps;
  const present = record?.object;
  const object = appliedObject(key, asked as unknown as WasmFilter, present);
  const tried = { filter: filterId(key), spec: object.spec };
  const parsed = parseUnlessSetAside(object, tried, crashes);
  if (!parsed.ok) return refused(key, [], record, "parse", parsed.error);
  if (record !== undefined && !record.recalled) return refused(key, [], record, "resolve", NOT_READ);
  const changes = present === undefined ? [] : objectChanges(present, object);
  const filter = parsed.value;
  const base = { ...key, object: changes, ...revisionsOf(record) };
  if (filter.suspend) {
    const rollout = planNothing(filter, suspended(changes), deps);
    return { ...base, action: actionOf(record, changes.length > 0), revision: [], rollout };
  }
  const outcome = await crashes.during(tried, () => resolve(filter, object, record, deps.resolver, signal));
  if (outcome === undefined) return refused(key, changes, record, "resolve", CUT_SHORT);
  if (!outcome.ok) {
    const { stage, error } = outcome;
    const stop = mayEnd(stage, error) ? { ...error, waits: untilThen(filter, object, record, deps) } : error;
    return refused(key, changes, record, stage, stop);
  }
  const { content, measurements, judgement, signatures } = outcome.value;
  const found = findOrMake(key, record?.revisions ?? [], content, deps.clock.now(), deps.identity, record?.deliverable);
  const problem = found.isNew ? recordProblem(found.revision) : undefined;
  if (problem !== undefined) return refused(key, changes, record, "record", notKept(problem));
  const { told } = found.revision;
  const proved: PlannedProof = measurements === undefined ? { result: "kept" } : { result: "passed", measurements };
  const proof = told === undefined ? proved : { ...proved, told };
  const violations = audited(judgement?.violations ?? []).map(describeViolation);
  return {
    ...base,
    proof,
    ...(signatures.length === 0 ? {} : { signatures }),
    ...(violations.length === 0 ? {} : { audited: violations }),
    ...goesOut(filter, record, object, found, changes.length > 0, deps),
  };
}

/** A change that only suspends holds up nothing of its own. */
function suspended(changes: readonly ObjectChange[]): string {
  const isAlone = changes.length === 1 && changes[0]?.field === "spec.suspend";
  return isAlone ? "spec.suspend is true: it keeps what it has; later changes wait" : "spec.suspend is true: changes wait";
}

/** The object as it is once it is applied: the same object where there is one, whose generation moves with its spec. */
function appliedObject(key: FilterKey, { status: _, ...asked }: WasmFilter, present: WasmFilter | undefined): WasmFilter {
  const before = present?.metadata.generation ?? 0;
  const isSameSpec = present !== undefined && isDeepStrictEqual(specOf(present), specOf(asked));
  const generation = isSameSpec ? before : before + 1;
  const uid = present === undefined ? filterId(key) : uidOf(present);
  return { ...asked, metadata: { ...asked.metadata, ...key, uid, generation } };
}

function specOf(object: object): unknown {
  return (withDefaults(wasmFilterSchema(), object) as { readonly spec?: unknown }).spec;
}

async function resolve(filter: Filter, object: WasmFilter, record: FilterRecord | undefined, resolver: Resolver, signal: AbortSignal) {
  if (signal.aborted) return undefined;
  const { revisions = [], rollout = idle, lastLook = {} } = record ?? {};
  const subject = { filter, revisions, rollout, lastLook, ask: openAsk(object, lastLook) };
  const cancel = () => resolver.cancel(subject);
  signal.addEventListener("abort", cancel, { once: true });
  try {
    return await resolver.run(subject);
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

/** What requests get while the filter waits for what is not there. */
function untilThen(filter: Filter, object: WasmFilter, record: FilterRecord | undefined, deps: FilterPlanDeps): string {
  const taken = "an apply is taken, and it is looked for again until it is there";
  const before = record && goalOf(record);
  if (before !== undefined) return `${taken}; revision ${before.number} serves until then`;
  const demand = demandOf({ filter, isAwaited: true, object, revisions: [], rollout: idle });
  if (demand === undefined) return `${taken}; requests pass without it until then`;
  if (!demand.fromTheStart) return `${taken}; requests pass without it until its first wave`;
  const proxies = count(matchedBy(filter, deps).length, "proxy");
  return `${taken}; until then requests are answered with 503 in its place, on ${proxies} now (whenMissing: Closed)`;
}

/** The plan's part that follows from the content that the spec leads to. */
function goesOut(
  filter: Filter,
  record: FilterRecord | undefined,
  object: WasmFilter,
  found: ReturnType<typeof findOrMake>,
  isOtherObject: boolean,
  deps: FilterPlanDeps,
): Pick<FilterPlan, "action" | "after" | "revision" | "rollout"> {
  const before =
    record === undefined
      ? NOTHING_OUT
      : { rollout: record.rollout, generation: object.metadata.generation ?? 1, paused: wishesOf(object).paused };
  const rollout = planRollout(filter, found.revision, before, { ...deps, now: deps.clock.now() });
  const isOther = isOtherObject || found.isNew || rollout.waves.length > 0 || rollout.back !== undefined;
  const revision = record === undefined ? [] : plannedChanges(record, filter, found.revision);
  return { action: actionOf(record, isOther), after: shown(found.revision), revision, rollout };
}

function actionOf(record: FilterRecord | undefined, isOther: boolean): FilterPlan["action"] {
  if (record === undefined) return "created";
  return isOther ? "changed" : "unchanged";
}

function refused(
  key: FilterKey,
  changes: FilterPlan["object"],
  record: FilterRecord | undefined,
  stage: Stage,
  { reason, message, retryable, waits }: Failure & Pick<PlannedRefusal, "waits">,
): FilterPlan {
  const told = { condition: conditionOf(stage), reason, message: message.replace(/\.$/, ""), retryable };
  const refusal = waits === undefined ? told : { ...told, waits };
  return { ...key, action: "refused", refusal, object: changes, ...revisionsOf(record), revision: [] };
}

function revisionsOf(record: FilterRecord | undefined): Pick<FilterPlan, "before"> {
  const before = record && goalOf(record);
  return before === undefined ? {} : { before: shown(before) };
}

function shown({ number, image, digest, wasmDigest }: Revision): PlannedRevision {
  return { number, image, digest, wasmDigest };
}
