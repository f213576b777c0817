/** Bears so much at once, then so much a second. */
export class Patience {
  private readonly burst: number;
  private readonly perSecond: number;
  private left: number;
  private at: number | undefined;

  constructor(burst: number, perSecond: number) {
    this.burst = burst;
    this.perSecond = perSecond;
    this.left = burst;
  }

  /** False when it is used up. `now` in milliseconds. */
  take(now: number): boolean {
    const passed = now - (this.at ?? now);
    this.left = Math.min(this.burst, this.left + (passed / 1000) * this.perSecond) - 1;
    this.at = now;
    return this.left > 0;
  }
}
