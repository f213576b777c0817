/**
 * How a proxy takes the HTTP filters of a slot: as one chain, or, where Envoy has no filter_chain (before 1.39), each filter as a resource
 * of its own.
 */
export type SlotForm = "chain" | "filters";

/** The name by which a proxy lists filter_chain among its extensions. */
export const FILTER_CHAIN_EXTENSION = "envoy.filters.http.filter_chain";

/** What a proxy understands. Envoy rejects a filter config with a field that it does not know, and warns about deprecated ones. */
export interface Dialect {
  readonly form: SlotForm;
  /** Where it looks for a plugin's capability restriction: Envoy 1.40 moved it from the plugin to its VM. */
  readonly restriction: "vm" | "plugin";
}

/**
 * The dialect of a proxy. `hasFilterChain`: its node message lists filter_chain among its extensions. `version`: e.g. `1.40.0`; an empty one is taken
 * for an old one, because the old place of the restriction is still read everywhere.
 */
export function dialectOf(hasFilterChain: boolean, version: string): Dialect {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return { form: hasFilterChain ? "chain" : "filters", restriction: major > 1 || (major === 1 && minor >= 40) ? "vm" : "plugin" };
}
