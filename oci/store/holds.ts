import type { Clock } from "../../model/clock.ts";
import type { Digest } from "../../model/digest.ts";

/** Modules that somebody is about to need: between a download and the revision that keeps it there is a proof, and a write to the API server. */
export interface Holds {
  add(digest: Digest): void;
  current(): ReadonlySet<Digest>;
}

/** Longer than a filter may take to resolve. */
const HOLD_MS = 600_000;
/** Four filters are resolved at once. What is held is beyond the quota, so it is bounded: a stranger's downloads fill no disk. */
const MAX_HELD = 16;

/** `ended` is called after each hold that was not followed by another. */
export function createHolds(clock: Clock, ended: () => void): Holds {
  /** In the order of `until`, milliseconds since the epoch. */
  const held = new Map<Digest, number>();
  let cancel = () => {};
  return {
    add(digest) {
      held.delete(digest);
      held.set(digest, clock.now() + HOLD_MS);
      for (const oldest of held.keys()) {
        if (held.size <= MAX_HELD) break;
        held.delete(oldest);
      }
      cancel();
      cancel = clock.after(HOLD_MS, ended);
    },
    current() {
      const now = clock.now();
      for (const [digest, until] of held) if (until <= now) held.delete(digest);
      return new Set(held.keys());
    },
  };
}
