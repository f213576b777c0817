import { type Condition, type ConditionType, findCondition } from "../../model/condition.ts";
import type { WasmFilterStatus } from "../../model/gen/wasmfilter.ts";
import type { Failure } from "../../model/result.ts";
import { PATIENCE_MS } from "../filter/facts.ts";

const SUMMARY: ReadonlySet<string> = new Set<ConditionType>(["Ready", "Reconciling", "Stalled"]);

/**
 * The status of a filter whose revisions cannot be read. All that it said stays, since the rollout goes on from it, but for what sums it up: nothing is decided, and
 * whoever waits should know why. `now`: milliseconds since the epoch.
 */
export function unreadStatus(status: WasmFilterStatus | undefined, generation: number, failure: Failure, now: number): WasmFilterStatus {
  const before = status?.conditions ?? [];
  const found = (type: ConditionType) => findCondition(status, type);
  const reason = "RevisionsNotRead";
  const message = `the filter's revisions cannot be read, so nothing is decided; proxies keep what they have; tried again: ${failure.message}`;
  const isKnown = found("Ready")?.reason === reason;
  const since = isKnown ? Date.parse(found("Ready")?.lastTransitionTime ?? "") : now;
  const standing = now - since >= PATIENCE_MS ? "Stalled" : "Reconciling";
  const condition = (type: ConditionType, state: Condition["status"]): Condition => ({
    ...{ type, status: state, reason, message, observedGeneration: generation },
    lastTransitionTime: (isKnown && found(type)?.lastTransitionTime) || new Date(now).toISOString(),
  });
  const kept = before.filter(({ type }) => !SUMMARY.has(type));
  return { ...status, conditions: [...kept, condition("Ready", "False"), condition(standing, "True")] };
}
