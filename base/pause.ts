import { setImmediate as nextTurn } from "node:timers/promises";

/** Milliseconds of work in one turn of the event loop. */
const WORK_MS = 8;

/** Lets other work of the process in between once enough was done in this turn; `undefined`: not yet. */
export type Pause = () => Promise<void> | undefined;

/** For one long piece of work, which calls it after each small step. */
export function createPause(now: () => number = () => performance.now()): Pause {
  let began = now();
  return () => {
    if (now() - began < WORK_MS) return undefined;
    return nextTurn().then(() => {
      began = now();
    });
  };
}
