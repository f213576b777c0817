export interface BackoffPolicy {
  /** Milliseconds after the first failure. Each further failure doubles it. */
  readonly firstMs: number;
  readonly longestMs: number;
  /** The delay is multiplied by a random number in this range, so that many that failed together do not come back together. */
  readonly jitter: readonly [least: number, most: number];
}

/** Milliseconds to wait after `failures` failures in a row (1: the first). `random` gives numbers in [0, 1). */
export function backoff({ firstMs, longestMs, jitter: [least, most] }: BackoffPolicy, failures: number, random: () => number): number {
  return Math.min(longestMs, firstMs * 2 ** (failures - 1)) * (least + random() * (most - least));
}
