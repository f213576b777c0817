import { failForNow, type Result } from "../model/result.ts";

/** Runs one task per key at a time, shared by everyone who asks meanwhile. */
export interface Flights<T> {
  /**
   * Joins the task under way for `key`, or starts it. A success is everyone's; a failure only of callers with the same `identity`
   * (what the outcome depends on besides the key, e.g. credentials): others then try for themselves. A caller that cancels leaves the
   * task to the rest; when the last one leaves, the task's own signal fires.
   */
  join(
    key: string,
    identity: string,
    signal: AbortSignal | undefined,
    start: (signal: AbortSignal) => Promise<Result<T>>,
  ): Promise<Result<T>>;
}

interface Flight<T> {
  readonly identity: string;
  readonly controller: AbortController;
  readonly outcome: Promise<Result<T>>;
  passengers: number;
}

export function createFlights<T>(): Flights<T> {
  const inAir = new Map<string, Flight<T>>();

  function land(key: string, flight: Flight<T>): void {
    if (inAir.get(key) === flight) inAir.delete(key);
  }

  function take(key: string, identity: string, start: (signal: AbortSignal) => Promise<Result<T>>): Flight<T> {
    const current = inAir.get(key);
    if (current !== undefined) return current;
    const controller = new AbortController();
    const flight: Flight<T> = { identity, controller, outcome: start(controller.signal), passengers: 0 };
    inAir.set(key, flight);
    const landed = () => land(key, flight);
    flight.outcome.then(landed, landed);
    return flight;
  }

  return {
    async join(key, identity, signal, start) {
      for (;;) {
        const flight = take(key, identity, start);
        flight.passengers++;
        const result = await unlessAborted(flight.outcome, signal);
        flight.passengers--;
        if (result === undefined) {
          if (flight.passengers === 0) {
            land(key, flight);
            flight.controller.abort();
          }
          return failForNow("Canceled", "The request was canceled.");
        }
        if (result.ok || flight.identity === identity) return result;
        land(key, flight);
      }
    },
  };
}

/** The outcome, or `undefined` as soon as the signal fires. */
async function unlessAborted<T>(outcome: Promise<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
  if (signal === undefined) return outcome;
  if (signal.aborted) return undefined;
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
  const onAbort = () => resolve(undefined);
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([outcome, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Runs at most `limit` tasks at a time, the rest in the order they came. */
export function createLimiter(limit: number): <T>(task: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (task) => {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
