import { nanosecondsOf } from "./clock.ts";

/** Timers of root contexts. */
export interface Timers {
  /** 0 ends the timer. */
  set(contextId: number, periodMs: number, now: bigint): void;
  /** Contexts whose timer runs. */
  running(): readonly number[];
  /** The timer that is due first. */
  next(): { readonly contextId: number; readonly at: bigint } | undefined;
  /** It fired: it is due again after its period. */
  fired(contextId: number, now: bigint): void;
  /** A timer was ever set. */
  wereSet(): boolean;
}

export function createTimers(): Timers {
  const timers = new Map<number, { readonly period: bigint; at: bigint }>();
  const running = () => [...timers].filter(([, { period }]) => period > 0n);
  return {
    set(contextId, periodMs, now) {
      const period = nanosecondsOf(periodMs);
      timers.set(contextId, { period, at: now + period });
    },
    running: () => running().map(([contextId]) => contextId),
    next() {
      const [first] = running().sort(([, a], [, b]) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
      return first && { contextId: first[0], at: first[1].at };
    },
    fired(contextId, now) {
      const timer = timers.get(contextId);
      if (timer !== undefined) timer.at = now + timer.period;
    },
    wereSet: () => timers.size > 0,
  };
}
