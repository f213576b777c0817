import { parse } from "yaml";
import type { FilterKey } from "../../model/filter.ts";
import { bootstrapDefaults, HTTP_WASM_TYPE, renderBootstrap, wasmName } from "../../xds/index.ts";
import type { Address } from "../args/address.ts";
import { accessLog } from "./record/exchange.ts";
import { recorder } from "./record/recorder.ts";

export interface LocalEnvoy {
  readonly node: string;
  readonly namespace: string;
  readonly xds: Address;
  readonly listen: Address;
  readonly upstream: Address;
  /** One slot for each filter, in the order that a request meets them. */
  readonly slots: readonly LocalSlot[];
  /** Of the Envoy that gets this. */
  readonly version: string;
  /** Whether what passes between filters is recorded, which takes an Envoy with Lua. */
  readonly records: boolean;
}

export interface LocalSlot {
  readonly slot: string;
  readonly filter: FilterKey;
}

/** What of a bootstrap is changed here. */
interface Bootstrap {
  readonly static_resources: {
    readonly listeners: readonly [
      {
        enable_reuse_port?: boolean;
        readonly filter_chains: readonly [{ readonly filters: readonly [{ readonly typed_config: Manager }] }];
      },
    ];
  };
}

interface Manager {
  access_log?: readonly object[];
  http_filters: readonly object[];
}

/** The bootstrap that `weir bootstrap` prints, with a recorder before each filter and after the last one, as JSON. */
export function localBootstrap({ slots, version, records, ...options }: LocalEnvoy): string {
  const bootstrap: Bootstrap = parse(
    renderBootstrap({ ...bootstrapDefaults, ...options, slots: slots.map(({ slot }) => slot), fetchTimeoutMs: 0, stats: false }),
  );
  const [listener] = bootstrap.static_resources.listeners;
  // Else a second Envoy of the same user takes the port too, and the kernel deals requests out to both.
  listener.enable_reuse_port = false;
  const manager = listener.filter_chains[0].filters[0].typed_config;
  const filters = [...manager.http_filters];
  const router = filters.splice(slots.length);
  const places = takesChains(version) ? filters : slots.map(({ slot, filter }, n) => oneFilter(filters[n] ?? {}, wasmName(slot, filter)));
  const recorded = records ? [...places.flatMap((place, n) => [recorder(n), place]), recorder(places.length)] : places;
  manager.http_filters = [...recorded, ...router];
  manager.access_log = [accessLog(records ? slots.length + 1 : 0)];
  return JSON.stringify(bootstrap);
}

/** Older ones have a place for each filter. */
function takesChains(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 1 || minor >= 39;
}

function oneFilter(place: { readonly config_discovery?: object }, name: string): object {
  return { ...place, name, config_discovery: { ...place.config_discovery, type_urls: [HTTP_WASM_TYPE] } };
}
