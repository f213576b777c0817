import type { Clock } from "../../model/clock.ts";
import type { Log } from "../../model/log.ts";
import type { Blobs } from "./blobs.ts";

export interface ScrubOptions {
  /** Milliseconds from the end of a pass to the next one. */
  readonly intervalMs: number;
  /** Read at most so fast, so that nothing else waits for the disk or the processor. */
  readonly bytesPerSecond: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** The first pass does not wait for a whole interval: a server may be started anew every day. */
const FIRST_MS = 600_000;

/** Reads every module again, at its leisure, pass after pass: a file that is damaged is found before a proxy needs it. Keeps no process alive. */
export function startScrub(blobs: Pick<Blobs, "list" | "check">, { intervalMs, bytesPerSecond, clock, log }: ScrubOptions): void {
  const wait = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));
  const pass = async () => {
    let files = 0;
    for (const { digest } of await blobs.list()) {
      await blobs.check(digest, (bytes) => wait((bytes / bytesPerSecond) * 1_000));
      files++;
    }
    log.debug("every module of the store was read again", { files });
  };
  const run = async () => {
    await pass().catch((error) => log.warn("the module store could not be read again", { error: String(error) }));
    clock.after(intervalMs, run);
  };
  clock.after(Math.min(intervalMs, FIRST_MS), run);
}
