import { setImmediate } from "node:timers/promises";
import type { Views } from "../views.ts";
import { type FleetSnapshot, takeSnapshot } from "./fleet-snapshot.ts";

/** How long a snapshot of a large fleet is shown at least, in milliseconds; that of a small one is taken again for every look. */
const MIN_AGE_MS = 1_000;
const LARGE_FLEET = 1_000;

export interface Snapshots {
  /** The fleet as it is, or as it was a second ago at most. Requests at the same time share one look. */
  take(): Promise<FleetSnapshot>;
}

export function createSnapshots(views: Pick<Views, "eachProxy">, now: () => number = Date.now): Snapshots {
  let last: FleetSnapshot | undefined;
  let taking: Promise<FleetSnapshot> | undefined;
  return {
    take() {
      if (taking !== undefined) return taking;
      if (last !== undefined && last.proxies.length >= LARGE_FLEET && now() - last.at < MIN_AGE_MS) return Promise.resolve(last);
      taking = takeSnapshot(views.eachProxy(), now, () => setImmediate())
        .then((taken) => {
          last = taken;
          return taken;
        })
        .finally(() => {
          taking = undefined;
        });
      return taking;
    },
  };
}
