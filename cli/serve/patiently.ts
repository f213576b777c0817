import { setTimeout } from "node:timers/promises";
import { backoff } from "../../base/backoff.ts";
import type { Log } from "../../model/log.ts";
import type { Result } from "../../model/result.ts";

const PAUSE = { firstMs: 200, longestMs: 10_000, jitter: [0.5, 1] } as const;

/** Asks again, as long as it takes, while the answer may be another one later: a start waits for an API server that is away. */
export async function patiently<T>(ask: () => Promise<Result<T>>, log: Log): Promise<Result<T>> {
  for (let failures = 1; ; failures += 1) {
    const answer = await ask();
    if (answer.ok || !answer.error.retryable) return answer;
    if (failures === 1) log.warn("the start waits for the API server", { error: answer.error.message });
    await setTimeout(backoff(PAUSE, failures, Math.random));
  }
}
