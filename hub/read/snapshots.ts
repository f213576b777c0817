import { inBackground } from "../../base/boundary.ts";
import { createPause } from "../../base/pause.ts";
import type { Views } from "../views.ts";
import { type FleetSnapshot, takeSnapshot } from "./fleet-snapshot.ts";

/** A fleet of so many proxies is not summed up anew for every look. */
const LARGE_FLEET = 1_000;
/** Milliseconds for which the last look at a large fleet is as good as a new one. */
const FRESH_MS = 1_000;
/** Milliseconds for which it is shown while a new one is taken. */
const SHOWN_MS = 10_000;

/** A look at the fleet. */
export interface Look {
  readonly fleet: FleetSnapshot;
  /** The fleet has changed since, or may have: who shows this looks again. */
  readonly isBehind: boolean;
}

export interface Snapshots {
  /** The fleet as it is; a large one as it was moments ago, at once. Looks at the same time share one. */
  take(): Promise<Look>;
  close(): void;
}

export function createSnapshots(views: Pick<Views, "eachProxy" | "onChange">, now: () => number = Date.now): Snapshots {
  let last: FleetSnapshot | undefined;
  let taking: Promise<FleetSnapshot> | undefined;
  let changed = 0;
  const unlisten = views.onChange(() => {
    changed = now();
  });

  function start(): Promise<FleetSnapshot> {
    taking ??= takeSnapshot(views.eachProxy(), now(), createPause())
      .then((taken) => {
        last = taken;
        return taken;
      })
      .finally(() => {
        taking = undefined;
      });
    return taking;
  }

  return {
    async take() {
      const age = last === undefined ? SHOWN_MS : now() - last.at;
      if (last === undefined || last.proxies.length < LARGE_FLEET || age >= SHOWN_MS) {
        const fleet = await start();
        return { fleet, isBehind: changed > fleet.at };
      }
      if (age >= FRESH_MS) inBackground(start(), () => {});
      return { fleet: last, isBehind: age >= FRESH_MS || changed > last.at };
    },
    close: unlisten,
  };
}
