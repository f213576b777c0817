import type { Clock } from "../../model/clock.ts";

/** Waits after a start until every filter that was there was decided once: before, proxies would be answered with less than they are due. */
export interface FirstPass {
  /** Resolves when `done` was called for each of these filters, or when the start-up time is over. */
  wait(ids: Iterable<string>): Promise<void>;
  done(id: string): void;
}

export function createFirstPass(clock: Clock, startupMs: number): FirstPass {
  const open = new Set<string>();
  let finish = () => {};
  return {
    async wait(ids) {
      for (const id of ids) open.add(id);
      if (open.size === 0) return;
      await new Promise<void>((resolve) => {
        const cancel = clock.after(startupMs, resolve);
        finish = () => {
          cancel();
          resolve();
        };
      });
    },
    done(id) {
      if (open.delete(id) && open.size === 0) finish();
    },
  };
}
