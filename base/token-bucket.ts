/** Allows `capacity` actions at once and `perSecond` after that. A class: there may be one for each connection. */
export class TokenBucket {
  private readonly capacity: number;
  private readonly perSecond: number;
  private tokens: number;
  private at: number | undefined;

  constructor(capacity: number, perSecond: number) {
    this.capacity = capacity;
    this.perSecond = perSecond;
    this.tokens = capacity;
  }

  /** Takes a token; false when there is none. `now` in milliseconds, of any clock that does not run backwards. */
  take(now: number): boolean {
    if (!this.has(now)) return false;
    this.tokens -= 1;
    return true;
  }

  /** Whether there is a token to take: for what is known to count only when it is over. */
  has(now: number): boolean {
    const passed = now - (this.at ?? now);
    this.at = now;
    this.tokens = Math.min(this.capacity, this.tokens + (passed / 1_000) * this.perSecond);
    return this.tokens >= 1;
  }
}
