import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { OtherCluster } from "../others.ts";
import { type ClusterState, HERE, ownState } from "./cluster-state.ts";
import { type Environment, environmentsOf } from "./comparison.ts";
import type { FleetSnapshot } from "./fleet-snapshot.ts";

/** All that can be compared: this cluster and the others, and their namespaces. */
export interface Places {
  readonly environments: readonly Environment[];
  /** By cluster. */
  readonly states: ReadonlyMap<string, ClusterState>;
  /** How many clusters there are, this one among them. */
  readonly clusters: number;
  readonly others: readonly OtherCluster[];
}

export function placesOf(
  filters: readonly WasmFilter[],
  fleet: Pick<FleetSnapshot, "at" | "byNamespace">,
  others: readonly OtherCluster[],
): Places {
  const states = new Map<string, ClusterState>([[HERE, ownState(filters, fleet)]]);
  for (const { name, state } of others) if (state !== undefined) states.set(name, state);
  const namespaces = [...states].flatMap(([cluster, state]) => environmentsOf(cluster, state));
  const whole = others.length === 0 ? [] : [...states.keys()].map((cluster) => ({ cluster, namespace: "" }));
  return { environments: [...namespaces, ...whole], states, clusters: others.length + 1, others };
}
