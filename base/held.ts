import { setBounded } from "./bounded-map.ts";
import { createSingleFlight } from "./single-flight.ts";

export interface HeldOptions {
  /** How long an answer is taken for granted, in milliseconds. */
  readonly keepMs: number;
  /** Keys. Beyond it the one that was read longest ago is forgotten. */
  readonly most: number;
  readonly now: () => number;
}

/** Answers of `read`, by key, each held for a while. Who asks while one is read waits for that. */
export function holding<T>(read: (key: string) => Promise<T>, { keepMs, most, now }: HeldOptions): (key: string) => Promise<T> {
  const held = new Map<string, { readonly answer: T; readonly until: number }>();
  const reads = createSingleFlight<T>();
  const readAnew = async (key: string) => {
    const answer = await read(key);
    setBounded(held, key, { answer, until: now() + keepMs }, most);
    return answer;
  };
  return async (key) => {
    const known = held.get(key);
    if (known !== undefined && now() < known.until) return known.answer;
    // Only who has a signal is let go without an answer.
    return (await reads.run(key, () => readAnew(key))) as T;
  };
}
