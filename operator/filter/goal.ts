import { isTakenBack, type Revision } from "../../model/revision.ts";
import { outgoingHash } from "../rollout/dark.ts";
import type { FilterRecord } from "./record.ts";
import { revisionOf } from "./revisions.ts";

/** The revision that proxies are meant to end up with: the target, unless it failed. */
export function goalOf(record: Pick<FilterRecord, "revisions" | "rollout">): Revision | undefined {
  const { phase, target, stable } = record.rollout;
  return revisionOf(record, isTakenBack(phase) ? stable : target);
}

/** True when the proxy rejected the very content that is the target now. */
export function rejectsTarget(record: Pick<FilterRecord, "rejections" | "revisions" | "rollout">, proxy: string): boolean {
  const hash = record.rejections.get(proxy)?.hash;
  return hash !== undefined && hash === outgoingHash(record);
}
