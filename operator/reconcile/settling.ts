import type { Clock } from "../../model/clock.ts";
import type { FilterRecord } from "../filter/record.ts";
import type { Sighting } from "../fleet/observe.ts";

/** After a start, nothing moves forward until the proxies that the last status counted are back, or had their time to be. */
export interface Settling {
  /** The operator starts to serve now. */
  begin(): void;
  /** How many proxies that the last status counted are not back yet and may still be on their way. */
  missing(record: FilterRecord, seen: Pick<Sighting, "counts">): number;
  /** False while some are missing. From the first true on, the record's `watchedSince` is set. */
  isSettled(record: FilterRecord, seen: Pick<Sighting, "counts">): boolean;
}

/** `settleMs`: how long proxies have to come back. */
export function createSettling(clock: Clock, settleMs: number): Settling {
  let startedAt = clock.now();

  function missing(record: FilterRecord, { counts }: Pick<Sighting, "counts">): number {
    return clock.now() < startedAt + settleMs ? Math.max(0, record.expected - counts.matched) : 0;
  }

  return {
    begin() {
      startedAt = clock.now();
    },
    missing,
    isSettled(record, seen) {
      startedAt = Math.min(startedAt, clock.now()); // a clock that was set back
      if (missing(record, seen) > 0) return false;
      record.watch(clock.now());
      return true;
    },
  };
}
