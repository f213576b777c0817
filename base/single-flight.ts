/** Runs one task a key at a time, shared by everyone who asks for that key meanwhile. */
export interface SingleFlight<T> {
  /**
   * Joins the task that runs for `key`, or starts it. Resolves and rejects as the task does. A caller whose signal fires gets
   * `undefined` at once and leaves the task to the rest; the task's own signal fires when the last caller has left.
   */
  run(key: string, task: (signal: AbortSignal) => Promise<T>, caller?: Caller): Promise<T | undefined>;
}

export interface Caller {
  /**
   * What the outcome depends on besides the key, e.g. credentials. Callers of one identity share every outcome; others share only
   * those that are `isForAll`, and else try for themselves. Default: one identity foreveryone.
   */
  readonly identity?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface SingleFlightOptions<T> {
  /** True when callers of any identity may have this outcome. Default: always. */
  readonly isForAll?: (outcome: T) => boolean;
}

interface Flight<T> {
  readonly identity: string;
  readonly controller: AbortController;
  readonly outcome: Promise<T>;
  callers: number;
}

export function createSingleFlight<T>({ isForAll = () => true }: SingleFlightOptions<T> = {}): SingleFlight<T> {
  const flights = new Map<string, Flight<T>>();

  function forget(key: string, flight: Flight<T>): void {
    if (flights.get(key) === flight) flights.delete(key);
  }

  function join(key: string, identity: string, task: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const current = flights.get(key);
    if (current !== undefined) return current;
    const controller = new AbortController();
    const flight: Flight<T> = { identity, controller, outcome: task(controller.signal), callers: 0 };
    flights.set(key, flight);
    const ended = () => forget(key, flight);
    flight.outcome.then(ended, ended);
    return flight;
  }

  return {
    async run(key, task, { identity = "", signal } = {}) {
      for (;;) {
        const flight = join(key, identity, task);
        flight.callers++;
        const settled = await unlessAborted(flight.outcome, signal);
        flight.callers--;
        if (settled === undefined) {
          if (flight.callers === 0) {
            forget(key, flight);
            flight.controller.abort();
          }
          return undefined;
        }
        if (flight.identity === identity || isForAll(settled.outcome)) return settled.outcome;
        forget(key, flight);
      }
    },
  };
}

/** The outcome, or `undefined` as soon as the signal fires. */
async function unlessAborted<T>(outcome: Promise<T>, signal: AbortSignal | undefined): Promise<{ readonly outcome: T } | undefined> {
  if (signal === undefined) return { outcome: await outcome };
  if (signal.aborted) return undefined;
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
  const onAbort = () => resolve(undefined);
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([outcome.then((value) => ({ outcome: value })), aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
