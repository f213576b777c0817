import { type FilterKey, filterId } from "../../model/filter.ts";
import type { WaveStanding } from "../../model/wave-standing.ts";
import type { Views } from "../views.ts";
import type { FleetSnapshot } from "./fleet-snapshot.ts";

/** How the waves of a filter's rollout stand, to be shown with this look at the fleet. */
export type WaveLooks = (key: FilterKey, fleet: FleetSnapshot) => Promise<readonly WaveStanding[]>;

/** Pages that show the same look at the fleet share one at a filter's waves, which costs a look at each proxy too. It is kept as long as that look is. */
export function createWaveLooks(views: Pick<Views, "waves">): WaveLooks {
  const kept = new WeakMap<FleetSnapshot, Map<string, Promise<readonly WaveStanding[]>>>();
  return (key, fleet) => {
    const looks = kept.get(fleet) ?? new Map<string, Promise<readonly WaveStanding[]>>();
    kept.set(fleet, looks);
    const id = filterId(key);
    const look = looks.get(id) ?? views.waves(key);
    looks.set(id, look);
    return look;
  };
}
