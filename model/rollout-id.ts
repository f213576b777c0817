import { type FilterKey, filterId } from "./filter.ts";

/**
 * Names one rollout, e.g. `shop/add-header#4@mi2x9k1c`: filter, revision, and when the rollout started (milliseconds since the epoch, base 36).
 * It follows from the recorded state alone, so every server and every start computes the same. Log lines carry it under the key `rollout`,
 * from the reconcile that starts the rollout to each proxy's ACK or NACK.
 */
export function rolloutId(filter: FilterKey, revision: number, startedAt: number): string {
  return `${filterId(filter)}#${revision}@${startedAt.toString(36)}`;
}
