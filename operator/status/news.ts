import { findCondition } from "../../model/condition.ts";
import type { WasmFilterStatus } from "../../model/gen/wasmfilter.ts";
import type { FilterEvent } from "../source/source.ts";

/** Conditions whose reasons somebody must see though no step of a rollout tells of them. Others take the reason over. */
const TOLD = [
  { condition: "Progressing", reason: "ProgressDeadlineExceeded" },
  { condition: "Programmed", reason: "ProxyHung" },
] as const;
/** While a rollout is under way, its own end tells of a proxy that hangs. */
const UNDER_WAY: ReadonlySet<string | undefined> = new Set(["Progressing", "Holding", "Paused"]);

/**
 * What a status that was written says for the first time and no step of a rollout tells: a deadline that is over where nothing goes back by itself, and proxies that
 * hang. What was told is in the status before, so that it is told once, whoever writes next.
 */
export function newsOf(before: WasmFilterStatus | undefined, after: WasmFilterStatus): readonly FilterEvent[] {
  if (UNDER_WAY.has(after.rollout?.state)) return [];
  return TOLD.flatMap(({ condition, reason }) => {
    const said = findCondition(after, condition);
    const isNews = said?.reason === reason && findCondition(before, condition)?.reason !== reason;
    return isNews ? [{ type: "Warning", reason, message: said.message }] : [];
  });
}
