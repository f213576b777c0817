import type { Clock } from "../../model/clock.ts";
import { type Log, silentLog } from "../../model/log.ts";

/** A clock and a log for what looks at files again and again: the test says when. */
export interface Looks {
  readonly clock: Clock;
  readonly log: Log;
  /** Error lines with their field `error`. */
  readonly errors: string[];
  /** One look, to its end. */
  look(): Promise<void>;
  /** Looks that are to come: none once the watch has stopped. */
  pending(): number;
}

export function createLooks(): Looks {
  const errors: string[] = [];
  const runs: (() => void)[] = [];
  return {
    clock: {
      now: () => 0,
      after(_ms, run) {
        runs.push(run);
        return () => runs.splice(0);
      },
    },
    log: { ...silentLog, error: (message, fields) => void errors.push(`${message}: ${String(fields?.error)}`) },
    errors,
    async look() {
      runs.shift()?.();
      while (runs.length === 0) await new Promise((done) => setImmediate(done));
    },
    pending: () => runs.length,
  };
}
