/** Runs tasks a few at a time. Those who wait take turns by their key, so that one with many tasks does not hold up the others. */
export interface FairTurns {
  /**
   * `undefined`: too many tasks wait, of this key or in all. Where it is in all, one of the key that has the most of them gives way to one of a key that has fewer. Rejects
   * as the task does.
   */
  run<T>(key: string, task: () => Promise<T>): Promise<T | undefined>;
}

export interface FairTurnsOptions {
  /** Tasks at once, in all and of one key (default: all). */
  readonly places: number;
  readonly placesPerKey?: number;
  /** Tasks that wait, in all and of one key. */
  readonly waiting: number;
  readonly waitingPerKey: number;
}

export function createFairTurns({ places, placesPerKey = places, waiting, waitingPerKey }: FairTurnsOptions): FairTurns {
  /** What begins the tasks that wait, by key; the key whose turn is next comes first. */
  const lines = new Map<string, ((mayBegin: boolean) => void)[]>();
  /** How many tasks of each key run. */
  const running = new Map<string, number>();
  let total = 0;
  let length = 0;

  const mayBegin = (key: string) => total < places && (running.get(key) ?? 0) < placesPerKey;

  function count(key: string, change: number): void {
    total += change;
    const now = (running.get(key) ?? 0) + change;
    if (now === 0) running.delete(key);
    else running.set(key, now);
  }

  /** A place is free: it goes to the first key that may have it. */
  function beginNext(): void {
    for (const [key, line] of lines) {
      if (!mayBegin(key)) continue;
      lines.delete(key);
      const begin = line.shift();
      if (line.length > 0) lines.set(key, line);
      length -= 1;
      count(key, 1);
      begin?.(true);
      return;
    }
  }

  /** Resolves when a place is taken; false: too many wait. */
  async function placed(key: string): Promise<boolean> {
    if (mayBegin(key)) {
      count(key, 1);
      return true;
    }
    const line = lines.get(key) ?? [];
    if (line.length >= waitingPerKey) return false;
    if (length >= waiting && !giveWay(line.length + 1)) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    line.push(resolve);
    lines.set(key, line);
    length += 1;
    return promise;
  }

  /** The last of the longest line waits no longer, if that line is longer than this. */
  function giveWay(than: number): boolean {
    let longest: ((mayBegin: boolean) => void)[] = [];
    for (const line of lines.values()) if (line.length > longest.length) longest = line;
    if (longest.length <= than) return false;
    longest.pop()?.(false);
    length -= 1;
    return true;
  }

  return {
    async run(key, task) {
      if (!(await placed(key))) return undefined;
      try {
        return await task();
      } finally {
        count(key, -1);
        beginNext();
      }
    },
  };
}
