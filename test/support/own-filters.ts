import { parse, stringify } from "yaml";
import type { FilterType } from "../../model/settings.ts";
import { wasmName, wasmType } from "../../xds/envoy/chain.ts";
import type { Loose } from "./other-envoy.ts";

/** An HTTP filter as it stands in a proxy's own configuration. */
export interface HttpFilter {
  readonly name: string;
}

/** Changes the one HTTP connection manager of a printed bootstrap, as the proxy's owner would by hand. */
export function editManager(change: (manager: Loose, bootstrap: Loose) => void) {
  return (text: string): string => {
    const bootstrap = parse(text);
    change(bootstrap.static_resources.listeners[0].filter_chains[0].filters[0].typed_config, bootstrap);
    return stringify(bootstrap);
  };
}

/** Puts filters of the proxy's owner around its slots: `arrange` gets the filters as printed, the router last. */
export function aroundSlots(arrange: (filters: HttpFilter[]) => HttpFilter[], clusters: readonly object[] = []) {
  return editManager((manager, bootstrap) => {
    manager.http_filters = arrange(manager.http_filters);
    bootstrap.static_resources.clusters.push(...clusters);
  });
}

/** One slot for one filter, as a proxy without filter_chain writes it into its own config. `more`: types that it takes beside Wasm's own. */
export function slotOfOne(name: string, type: FilterType, more: readonly string[] = []) {
  const config_source = { ads: {}, resource_api_version: "V3" };
  const type_urls = [wasmType(type), ...more];
  return { name: wasmName("default", { namespace: "shop", name }), config_discovery: { config_source, type_urls } };
}

/** A slot for each of these HTTP filters in place of those that are printed. */
export function slotsOfOne(names: readonly string[], more: readonly string[] = []) {
  return aroundSlots((filters) => [...names.map((name) => slotOfOne(name, "HTTP", more)), ...filters.slice(-1)]);
}
