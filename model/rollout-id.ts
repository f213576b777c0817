import { type FilterKey, filterId } from "./filter.ts";

/**
 * Names what a rollout brings to the proxies, e.g. `shop/add-header#4@9f1c2a3b`: the filter, the revision's number and the start of its hash.
 * Log lines carry it under the key `rollout`, from the reconcile that records the revision to each proxy's ACK or NACK. It follows from the record,
 * so every server computes the same, before and after a restart, and nothing is handed along but the chain.
 */
export function rolloutId({
  filter,
  revision,
  hash,
}: {
  readonly filter: FilterKey;
  readonly revision: number;
  readonly hash: string;
}): string {
  // A hash may have its version before it and a part about a Secret's text behind it, which no log needs: `v2:9f1c...:sha256:...`.
  const digits = /[0-9a-f]{8}/.exec(hash)?.[0] ?? "";
  return `${filterId(filter)}#${revision}@${digits}`;
}
