import type { Others } from "./others.ts";
import type { Show } from "./page-routes.ts";
import { comparePage } from "./pages/compare.ts";
import type { FleetSnapshot } from "./read/fleet-snapshot.ts";
import { type Places, placesOf } from "./read/places.ts";
import type { Snapshots } from "./read/snapshots.ts";
import type { Views } from "./views.ts";

/** The moment of this cluster's part, and whether a page that shows it is to ask again. */
export interface LookAtPlaces {
  readonly places: Places;
  readonly fleet: FleetSnapshot;
  readonly at: number;
  readonly isBehind: boolean;
}

/** Looks at this cluster and at the others. */
export async function lookAtPlaces(views: Views, snapshots: Snapshots, others: Others | undefined): Promise<LookAtPlaces> {
  const [{ fleet, isBehind }, told] = await Promise.all([snapshots.take(), others?.take() ?? { clusters: [], isBehind: false }]);
  return { places: placesOf(views.filters(), fleet, told.clusters), fleet, at: fleet.at, isBehind: isBehind || told.isBehind };
}

export function compareShows(look: () => Promise<LookAtPlaces>): Readonly<Record<string, Show>> {
  return {
    "/compare": async (_params, query, now) => {
      const { places, at, isBehind } = await look();
      return { title: "Compare", section: "/compare", main: comparePage(places, query, now), at, isBehind };
    },
  };
}
