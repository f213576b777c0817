import type { Clock } from "../../model/clock.ts";
import type { FilterRecord } from "../filter/record.ts";
import type { Sighting } from "../fleet/observe.ts";

/** After a start, nothing moves forward until the proxies that the last status counted are back, or had their time to be. */
export interface Settling {
  /** The proxies have their time from now on. `over` is called when it has passed. Returns a cancel. */
  begin(over: () => void): () => void;
  /** How many proxies that the last status counted are not back yet and may still be on their way. */
  missing(record: FilterRecord, seen: Pick<Sighting, "counts">): number;
  /** False while some are missing. From the first true on, the record's `watchedSince` is set. */
  isSettled(record: FilterRecord, seen: Pick<Sighting, "counts">): boolean;
}

/** `settleMs`: how long proxies have to come back. A timer tells its end, since the clock may be set meanwhile. */
export function createSettling(clock: Clock, settleMs: number): Settling {
  let isOver = false;

  function missing(record: FilterRecord, { counts }: Pick<Sighting, "counts">): number {
    return isOver ? 0 : Math.max(0, record.expected - counts.matched);
  }

  return {
    begin(over) {
      isOver = false;
      return clock.after(settleMs, () => {
        isOver = true;
        over();
      });
    },
    missing,
    isSettled(record, seen) {
      if (missing(record, seen) > 0) return false;
      record.watch(clock.now());
      return true;
    },
  };
}
