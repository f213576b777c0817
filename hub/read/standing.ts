import { findCondition } from "../../model/condition.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";

/**
 * How a filter stands, by what a person has to do about it: `failed` and `paused` wait for a person, `busy` goes on by itself, `ok` needs nobody. `off`: it is
 * suspended. `unread`: no server has seen it yet.
 */
export type Standing = "failed" | "paused" | "busy" | "off" | "unread" | "ok";

/** The order in which people look at filters. */
export const STANDINGS: readonly Standing[] = ["failed", "paused", "busy", "unread", "off", "ok"];

const FAILED: ReadonlySet<string | undefined> = new Set(["RolledBack", "Rejected", "Failed"]);

/** The standing, by the conditions and the rollout of the filter's status. */
export function standingOf({ spec, status }: WasmFilter): Standing {
  const ready = findCondition(status, "Ready");
  if (ready === undefined) return "unread";
  if (FAILED.has(status?.rollout?.state) || (status?.proxies?.rejected ?? 0) > 0) return "failed";
  if (findCondition(status, "Stalled")?.status === "True") return spec.suspend ? "off" : "failed";
  if (status?.rollout?.state === "Paused") return "paused";
  if (spec.suspend) return "off";
  return ready.status === "True" && findCondition(status, "Reconciling")?.status !== "True" ? "ok" : "busy";
}

/** Why it stands so, in the operator's words; empty where all is well. */
export function reasonOf({ status }: WasmFilter, standing: Standing): string {
  if (standing === "unread") return "no server has seen it yet";
  if (standing === "ok") return "";
  if (standing === "off") return "suspended: changes wait until spec.suspend is taken away";
  const said = status?.rollout?.message ?? "";
  if (said !== "" && (standing !== "failed" || FAILED.has(status?.rollout?.state))) return said;
  const first = status?.rejections?.[0];
  if (first !== undefined) return first.message;
  return (findCondition(status, "Stalled") ?? findCondition(status, "Reconciling") ?? findCondition(status, "Ready"))?.message ?? "";
}
