import type { LimitFunction } from "p-limit";
import { inBackground } from "../../base/boundary.ts";
import { setBounded } from "../../base/bounded-map.ts";
import type { Look } from "../../model/catalog.ts";
import type { Clock } from "../../model/clock.ts";
import { fail, type Result } from "../../model/result.ts";

export interface LooksOptions<T> {
  /** Reads anew, until the signal fires. */
  read(key: string, signal: AbortSignal): Promise<Result<T>>;
  readonly clock: Clock;
  /** Milliseconds: for which an answer is as good as a new one, after which a failure is tried again, and that a read may take. */
  readonly freshMs: number;
  readonly retryMs: number;
  readonly readMs: number;
  /** Milliseconds that who asks waits, where nothing is known yet. */
  readonly waitMs: number;
  /** Answers that are kept; beyond it the one that was read longest ago goes. */
  readonly most: number;
  /** Reads at a time, of all looks that share this. */
  readonly turns: LimitFunction;
}

interface Kept<T> {
  readonly value: T | undefined;
  readonly at: number | undefined;
  readonly problem: string | undefined;
  /** When to read anew. */
  readonly until: number;
}

/** Answers by key, each shown with its age: an old one at once, while it is read anew. Reads of one key at the same time are one. */
export function createLooks<T>(options: LooksOptions<T>): (key: string) => Promise<Look<T>> {
  const { read, clock, freshMs, retryMs, readMs, waitMs, most, turns } = options;
  const kept = new Map<string, Kept<T>>();
  const reading = new Map<string, Promise<void>>();

  async function readAnew(key: string): Promise<void> {
    const answer = await turns(() => read(key, AbortSignal.timeout(readMs))).catch(
      (): Result<T> => fail("Canceled", "it could not be read"),
    );
    const now = clock.now();
    const before = kept.get(key);
    const next: Kept<T> = answer.ok
      ? { value: answer.value, at: now, problem: undefined, until: now + freshMs }
      : { value: before?.value, at: before?.at, problem: answer.error.message, until: now + retryMs };
    setBounded(kept, key, next, most);
  }

  function start(key: string): Promise<void> {
    const running = reading.get(key);
    if (running !== undefined) return running;
    const work = readAnew(key).finally(() => reading.delete(key));
    reading.set(key, work);
    return work;
  }

  return async (key) => {
    const known = kept.get(key);
    if (known === undefined || clock.now() >= known.until) {
      const work = start(key);
      if (known === undefined) await atMost(work, waitMs);
      else inBackground(work, () => {});
    }
    const { value, at, problem } = kept.get(key) ?? {};
    return { value, at, problem, isReading: reading.has(key) };
  };
}

async function atMost(work: Promise<void>, milliseconds: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  await Promise.race([work, promise]);
  clearTimeout(timer);
}
