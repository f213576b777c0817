import type { Clock } from "../model/clock.ts";
import type { Log } from "../model/log.ts";

/** Says that a client was refused. `peer`: its address, `why`: what it was told, or would have been. */
export type Complain = (peer: string, why: string) => void;

const WINDOW_MS = 60_000;
const LINES = 20;

/** Writes a line for each client that had to be refused, at most twenty a minute: anybody who reaches the port can cause them. */
export function createComplaints(log: Log, clock: Clock): Complain {
  let written = 0;
  let left = 0;

  function open(): void {
    if (left > 0) log.warn("more clients were refused", { clients: left, seconds: WINDOW_MS / 1000 });
    written = 0;
    left = 0;
  }

  return (peer, why) => {
    if (written === 0) clock.after(WINDOW_MS, open);
    if (written === LINES) {
      left += 1;
      return;
    }
    written += 1;
    log.warn("a client was refused", { peer, why });
  };
}
