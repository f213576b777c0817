import type { Clock } from "../clock.ts";

/** A clock that a test moves by hand. */
export interface FakeClock extends Clock {
  /** Moves time on, running what is due in order, and lets the promises that follow settle. */
  advance(ms: number): Promise<void>;
  /** Sets the time of day, as an operator of machines (or NTP) may; timers are not moved by it. */
  jump(ms: number): void;
}

/** Lets everything that can happen without time passing happen. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    let turns = 6;
    // One promise for all turns: simulations settle many thousand times.
    const turn = (): void => {
      turns--;
      if (turns === 0) resolve();
      else setImmediate(turn);
    };
    setImmediate(turn);
  });
}

interface Timer {
  readonly at: number;
  readonly run: () => void;
  cancelled: boolean;
}

export function createFakeClock(start = Date.parse("2026-01-01T00:00:00Z")): FakeClock {
  let now = 0;
  let epoch = start;
  /** In the order in which they are due: tests of many filters set thousands. */
  const timers: Timer[] = [];
  const takeDue = (end: number): Timer | undefined => {
    while (timers[0]?.cancelled === true) timers.shift();
    return (timers[0]?.at ?? Number.POSITIVE_INFINITY) <= end ? timers.shift() : undefined;
  };
  return {
    now: () => epoch + now,
    after(ms, run) {
      const timer: Timer = { at: now + ms, run, cancelled: false };
      timers.splice(placeOf(timer.at, timers), 0, timer);
      return () => {
        timer.cancelled = true;
      };
    },
    async advance(ms) {
      const end = now + ms;
      for (;;) {
        await settle();
        const timer = takeDue(end);
        if (timer === undefined) break;
        now = Math.max(now, timer.at);
        timer.run();
      }
      now = end;
      await settle();
    },
    jump(ms) {
      epoch += ms;
    },
  };
}

/** Behind all that are due by then. */
function placeOf(at: number, timers: readonly Timer[]): number {
  let low = 0;
  let high = timers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((timers[middle]?.at ?? 0) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
