import type { FleetView } from "../../model/delivery.ts";
import type { HeardLeadership } from "../../model/leadership.ts";
import type { Peers } from "../../model/replicas.ts";
import type { FilterRecord } from "../filter/record.ts";
import type { Overrides } from "./place.ts";

export interface OverridesDeps {
  readonly fleet: Pick<FleetView, "proxy">;
  readonly record: (id: string) => Pick<FilterRecord, "rejections"> | undefined;
  /** Hashes of revisions that a proxy is not offered while others are tried. */
  readonly withheld: (proxyKey: string) => ReadonlySet<string> | undefined;
  /** What who decides says of them; `undefined`: this server is alone. */
  readonly peers: Pick<Peers, "withheld"> | undefined;
  readonly leadership: Pick<HeardLeadership, "isHeard">;
}

/** What proxies must wait for, as this server knows it. */
export function createOverrides({ fleet, record, withheld, peers, leadership }: OverridesDeps): Overrides {
  return {
    withholds: (proxyKey, filterId, hash) =>
      withheld(proxyKey)?.has(hash) === true ||
      peers?.withheld(proxyKey)?.has(hash) === true ||
      record(filterId)?.rejections.get(proxyKey)?.hash === hash,
    defers: (proxyKey, hash) => !leadership.isHeard() && !has(fleet, proxyKey, hash),
    takesChains: (proxyKey) => fleet.proxy(proxyKey)?.takesChains === true,
  };
}

/** True when the proxy runs a revision with this hash, or was given it before. */
function has(fleet: Pick<FleetView, "proxy">, proxyKey: string, hash: string): boolean {
  for (const { running, desired } of fleet.proxy(proxyKey)?.slots.values() ?? [])
    if ([...(running ?? []), ...desired].some((entry) => entry.hash === hash)) return true;
  return false;
}
