import type { Clock } from "../model/clock.ts";
import type { Log } from "../model/log.ts";

/** Tells the log when something cannot be done, and when it can be done again: once a minute at the most, however often it is tried. */
export class Trouble {
  private readonly log: Log;
  private readonly clock: Clock;
  private readonly what: string;
  private readonly again: string;
  private toldAt: number | undefined;

  /** `what` and `again`: the texts of the two lines. */
  constructor(log: Log, clock: Clock, what: string, again: string) {
    this.log = log;
    this.clock = clock;
    this.what = what;
    this.again = again;
  }

  /** It cannot be done now. */
  note(message: string): void {
    const now = this.clock.now();
    if (this.toldAt !== undefined && now - this.toldAt < 60_000) return;
    this.toldAt = now;
    this.log.error(this.what, { message });
  }

  /** It was done. */
  over(): void {
    if (this.toldAt === undefined) return;
    this.toldAt = undefined;
    this.log.info(this.again);
  }
}
