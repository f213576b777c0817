/** Bears so much at once, then so much a second. */
export interface Patience {
  /** False when it is used up. `now` in milliseconds. */
  take(now: number): boolean;
}

export function createPatience(burst: number, perSecond: number, start: number): Patience {
  let left = burst;
  let at = start;
  return {
    take(now) {
      left = Math.min(burst, left + ((now - at) / 1000) * perSecond) - 1;
      at = now;
      return left > 0;
    },
  };
}
