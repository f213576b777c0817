import { setImmediate } from "node:timers/promises";

/** Work that can be left and taken up again at each `yield`. */
export type Steps<T> = Generator<undefined, T>;

/** How long the steps of one turn of the event loop may take, in milliseconds: sockets are served in between. */
const TURN_MS = 10;

/** All steps in one go. */
export function toEnd<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** The same for a server: the event loop turns meanwhile. */
export async function inTurns<T>(steps: Steps<T>): Promise<T> {
  for (let turnEnds = performance.now() + TURN_MS; ; ) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (performance.now() < turnEnds) continue;
    await setImmediate();
    turnEnds = performance.now() + TURN_MS;
  }
}
