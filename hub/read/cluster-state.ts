import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { stableItem } from "../../model/history.ts";
import type { FleetSnapshot } from "./fleet-snapshot.ts";

/** This server's own cluster, or folder, among others. */
export const HERE = "here";

/** A filter as it stands, as far as two places are compared by it. */
export interface FilterState {
  readonly namespace: string;
  readonly name: string;
  /** What it serves: as the manifest wrote the image then, and what that was. Absent: nothing yet. */
  readonly image?: string;
  readonly digest?: string;
}

/** Proxies of one namespace that have one digest of a filter. */
export interface Running {
  /** The proxies'. */
  readonly namespace: string;
  /** `NAMESPACE/NAME`. */
  readonly filter: string;
  readonly digest: string;
  readonly proxies: number;
}

/** What one Weir knows of its cluster, small enough to be fetched and compared. */
export interface ClusterState {
  /** Milliseconds since the epoch: the moment of what is told. */
  readonly at: number;
  readonly filters: readonly FilterState[];
  readonly running: readonly Running[];
}

export function filterState({ metadata: { namespace = "", name }, status }: WasmFilter): FilterState {
  const stable = stableItem(status);
  return stable === undefined ? { namespace, name } : { namespace, name, image: stable.image, digest: stable.digest };
}

/** What this server knows. Proxies that are lost run nothing that anybody knows, and a placeholder (revision 0) is no digest. */
export function ownState(filters: readonly WasmFilter[], { at, byNamespace }: Pick<FleetSnapshot, "at" | "byNamespace">): ClusterState {
  const running = byNamespace
    .filter(({ standing, revision }) => standing !== "lost" && revision > 0)
    .map(({ namespace, filter, digest, count }) => ({ namespace, filter, digest, proxies: count }));
  return { at, filters: filters.map(filterState), running };
}
