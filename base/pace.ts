export interface PaceOptions {
  readonly perSecond: number;
  /** Turns that are given at once after a quiet time. */
  readonly burst: number;
  /** Nobody is told to wait longer than this, in milliseconds. */
  readonly longestMs: number;
}

/**
 * Gives turns, so many a second for each key, and says when: a token bucket that tells the time of the next token. Who is given a time need not ask again.
 * See https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm.
 */
export class Pace {
  private readonly stepMs: number;
  private readonly burstMs: number;
  private readonly longestMs: number;
  /** Key -> when the bucket is full again. Full ones are dropped. */
  private readonly fullAt = new Map<string, number>();
  private sweptAt = 0;

  constructor({ perSecond, burst, longestMs }: PaceOptions) {
    this.stepMs = 1_000 / perSecond;
    this.burstMs = (burst - 1) * this.stepMs;
    this.longestMs = longestMs;
  }

  /**
   * Milliseconds until the turn of whoever asks now; 0: it has come. `undefined`: as many wait as have a turn within `longestMs`, so ask again later. `now` in
   * milliseconds; where the clock was set back, keys begin anew.
   */
  turn(key: string, now: number): number | undefined {
    this.sweep(now);
    const known = this.fullAt.get(key) ?? now;
    const fullAt = known - now > this.longestMs + this.burstMs + this.stepMs ? now : Math.max(known, now);
    const wait = Math.max(0, fullAt - this.burstMs - now);
    if (wait > this.longestMs) return undefined;
    this.fullAt.set(key, fullAt + this.stepMs);
    return wait;
  }

  private sweep(now: number): void {
    if (Math.abs(now - this.sweptAt) < this.longestMs) return;
    this.sweptAt = now;
    for (const [key, fullAt] of this.fullAt) if (fullAt <= now) this.fullAt.delete(key);
  }
}
