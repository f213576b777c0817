import pLimit, { type LimitFunction } from "p-limit";

/** Runs tasks a few at a time. One namespace never has all the places: its slow registry holds up no other's downloads. */
export interface Turns {
  run<T>(namespace: string, task: () => Promise<T>): Promise<T>;
}

/** `places`: tasks at once; a single namespace has at most one less. */
export function createTurns(places: number): Turns {
  const all = pLimit(places);
  const lines = new Map<string, LimitFunction>();
  return {
    async run(namespace, task) {
      const line = lines.get(namespace) ?? pLimit(Math.max(1, places - 1));
      lines.set(namespace, line);
      try {
        return await line(() => all(task));
      } finally {
        if (line.activeCount + line.pendingCount === 0) lines.delete(namespace);
      }
    },
  };
}
