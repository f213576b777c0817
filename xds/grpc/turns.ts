/** What waits for its turn. */
export interface Worker {
  /** Does a little. True: there is more to do. */
  step(): boolean;
}

/** Milliseconds that all workers together may take in one turn of the event loop. */
const SLICE_MS = 5;
/** Who took less than so many milliseconds lately goes before who took more. */
const LEVELS_MS = [5, 50, Number.POSITIVE_INFINITY];
/** Milliseconds after which half of what was taken is forgotten. */
const HALF_LIFE_MS = 1_000;

/** What one connection takes of the event loop, whatever it carries. */
export class Share {
  readonly waiting = new Set<Worker>();
  private used = 0;
  private at = 0;

  /** Milliseconds taken lately. */
  usedAt(now: number): number {
    return this.used * 2 ** ((this.at - now) / HALF_LIFE_MS);
  }

  add(ms: number, now: number): void {
    this.used = this.usedAt(now) + ms;
    this.at = now;
  }
}

/**
 * Shares the event loop among connections. Who comes first in a turn is served at once. When the slice is used up, the others wait for the next turn:
 * those that took little lately first, in turns, a step at a time.
 */
export class Turns {
  private readonly levels = LEVELS_MS.map(() => new Set<Share>());
  private readonly now: () => number;
  private readonly later: (task: () => void) => void;
  private spent = 0;
  private scheduled = false;

  constructor(now: () => number = () => performance.now(), later: (task: () => void) => void = setImmediate) {
    this.now = now;
    this.later = later;
  }

  /** The worker has something to do. */
  offer(share: Share, worker: Worker): void {
    const isFirst = this.spent < SLICE_MS && this.levels.every((level) => level.size === 0);
    if (!isFirst || this.step(share, worker)) this.wait(share, worker);
  }

  private wait(share: Share, worker: Worker): void {
    share.waiting.add(worker);
    if (!this.levels.some((level) => level.has(share))) this.levels[this.levelOf(share)]?.add(share);
    this.schedule();
  }

  private levelOf(share: Share): number {
    const used = share.usedAt(this.now());
    return LEVELS_MS.findIndex((ms) => used < ms);
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.later(() => this.turn());
  }

  private turn(): void {
    this.scheduled = false;
    const isLate = this.spent >= SLICE_MS;
    this.spent = 0;
    if (isLate) {
      this.schedule();
      return;
    }
    for (let share = this.take(); share !== undefined; share = this.take()) {
      const [worker] = share.waiting;
      if (worker === undefined) continue;
      share.waiting.delete(worker);
      if (this.step(share, worker)) share.waiting.add(worker);
      if (share.waiting.size > 0) this.levels[this.levelOf(share)]?.add(share);
      if (this.spent >= SLICE_MS) break;
    }
    if (this.spent > 0) this.schedule();
  }

  private take(): Share | undefined {
    for (const level of this.levels) {
      for (const share of level) {
        level.delete(share);
        return share;
      }
    }
    return undefined;
  }

  private step(share: Share, worker: Worker): boolean {
    const began = this.now();
    const isMore = worker.step();
    const ended = this.now();
    this.spent += ended - began;
    share.add(ended - began, ended);
    // A new turn comes with a new slice.
    this.schedule();
    return isMore;
  }
}
