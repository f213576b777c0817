import type { Clock } from "../../model/clock.ts";
import type { FilterRecord } from "../filter/record.ts";
import type { Sighting } from "../fleet/observe.ts";

type Seen = Pick<Sighting, "counts">;

/**
 * After a start, nothing moves forward until the proxies that the last status counted are back, or had their time to be. Where it counted none, nobody knows who is
 * to come: one proxy that answered is enough, for silence says nothing.
 */
export interface Settling {
  /** The proxies have their time from now on. `over` is called when it has passed. Returns a cancel. */
  begin(over: () => void): () => void;
  /** How many proxies that the last status counted are not back yet and may still be on their way. */
  missing(record: FilterRecord, seen: Seen): number;
  /** False while no proxy of the filter answered and some may be on their way. */
  isHeard(record: FilterRecord, seen: Seen): boolean;
  /** False while some are missing, or none is heard. From the first true on, the record's `watchedSince` is set. */
  isSettled(record: FilterRecord, seen: Seen): boolean;
}

/** `settleMs`: how long proxies have to come back. A timer tells its end, since the clock may be set meanwhile. */
export function createSettling(clock: Clock, settleMs: number): Settling {
  let isOver = false;

  function missing(record: FilterRecord, { counts }: Seen): number {
    return isOver ? 0 : Math.max(0, record.expected - counts.matched);
  }

  function isHeard(record: FilterRecord, { counts }: Seen): boolean {
    return isOver || counts.updated > 0 || (record.expected > 0 && counts.matched >= record.expected);
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
    isHeard,
    isSettled(record, seen) {
      if (missing(record, seen) > 0 || !isHeard(record, seen)) return false;
      record.watch(clock.now());
      return true;
    },
  };
}
