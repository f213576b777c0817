/** Time that stands still until somebody moves it, for tests of filters. */
export interface Clock {
  /** Nanoseconds since the epoch. */
  now(): bigint;
  /** Time does not go back: an earlier time is no move. */
  moveTo(time: bigint): void;
  /** Nanoseconds that a client waits for an answer. */
  readonly patience: bigint;
}

/** How a plugin's time passes where a test moves it. */
export interface ClockOptions {
  /** Where it starts: nanoseconds since the epoch. */
  readonly start: bigint;
  /** Milliseconds that the client of a held exchange waits, in this clock's time, before it gives up. */
  readonly patienceMs: number;
}

export function createClock({ start, patienceMs }: ClockOptions): Clock {
  let time = start;
  return {
    now: () => time,
    moveTo(to) {
      if (to > time) time = to;
    },
    patience: nanosecondsOf(patienceMs),
  };
}

export function nanosecondsOf(ms: number): bigint {
  return BigInt(Math.round(ms)) * 1_000_000n;
}
