import type { Clock } from "../../model/clock.ts";

/** A clock that a test moves by hand. */
export interface FakeClock extends Clock {
  /** Moves time on, running what is due in order, and lets the promises that follow settle. */
  advance(ms: number): Promise<void>;
  /** Sets the time of day, as an operator of machines (or NTP) may; timers are not moved by it. */
  jump(ms: number): void;
}

/** Lets everything that can happen without time passing happen. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 6; i++) await new Promise((resolve) => setImmediate(resolve));
}

export function createFakeClock(start = Date.parse("2026-01-01T00:00:00Z")): FakeClock {
  let now = 0;
  let epoch = start;
  let order = 0;
  const timers = new Map<number, { at: number; run: () => void }>();
  return {
    now: () => epoch + now,
    after(ms, run) {
      const id = order++;
      timers.set(id, { at: now + ms, run });
      return () => void timers.delete(id);
    },
    async advance(ms) {
      const end = now + ms;
      for (;;) {
        await settle();
        const due = [...timers].filter(([, { at }]) => at <= end).sort(([a, x], [b, y]) => x.at - y.at || a - b)[0];
        if (due === undefined) break;
        const [id, timer] = due;
        timers.delete(id);
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
