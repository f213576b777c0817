import { LRUCache } from "lru-cache";
import type { Clock } from "../model/clock.ts";
import type { Log } from "../model/log.ts";
import type { Metrics, RefusalReason } from "../model/metrics.ts";

/** Told when a client is refused. `peer`: its address, `why`: what it was told, or would have been. */
export type OnRefusal = (peer: string, reason: RefusalReason, why: string) => void;

const WINDOW_MS = 60_000;
const LINES = 20;
/** Connections and reasons that are remembered as told. */
const TOLD = 1_000;

/**
 * Counts each client that is refused, and writes a line for it, at most twenty a minute: anybody who reaches the port can cause them. A connection that is
 * refused for the same reason again and again, as a proxy whose reports are too large is, has one line.
 */
export function createRefusals(log: Log, clock: Clock, metrics: Metrics): OnRefusal {
  let written = 0;
  let left = 0;
  const told = new LRUCache<string, true>({ max: TOLD });

  function open(): void {
    if (left > 0) log.warn("more clients were refused", { clients: left, seconds: WINDOW_MS / 1000 });
    written = 0;
    left = 0;
  }

  return (peer, reason, why) => {
    metrics.refusedClient(reason);
    const line = `${peer} ${why}`;
    if (told.has(line)) return;
    if (written === 0) clock.after(WINDOW_MS, open);
    if (written === LINES) {
      left += 1;
      return;
    }
    written += 1;
    told.set(line, true);
    log.warn("a client was refused", { peer, why });
  };
}
