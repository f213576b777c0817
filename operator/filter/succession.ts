import type { Facts } from "./facts.ts";
import type { FilterRecord } from "./record.ts";

/**
 * What a new record of an object takes over of the one before, where the same server decides from now on, or no longer: all that it serves. What it was about
 * to decide is not among that.
 */
export function inherited({
  filter,
  isAimed,
  isAwaited,
  revisions,
  rewritten,
  rollout,
  recalled,
  passed,
  rejections,
}: FilterRecord): Partial<Facts> {
  return { filter, isAimed, isAwaited, revisions, rewritten, rollout, recalled, passed, rejections: new Map(rejections) };
}
