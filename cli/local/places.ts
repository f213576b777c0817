import { type FilterKey, filterId } from "../../model/filter.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { LocalSlot } from "./envoy-config.ts";

/** The filters of a folder that one proxy runs. */
export interface Places {
  readonly namespace: string;
  /** In the order that a request meets them. */
  readonly slots: readonly LocalSlot[];
  /** What is not run, and why. */
  readonly left: readonly string[];
}

/**
 * Gives each filter a slot of its own, so that what passes between two can be recorded. Their order is that of a proxy whose slots stand in the order `slotOrder`, or
 * of their names: by slot, priority and name. Labels are not asked for: every filter of the namespace is run.
 */
export function placeFilters(
  filters: Iterable<WasmFilter>,
  { namespace, slotOrder }: { readonly namespace: string | undefined; readonly slotOrder: readonly string[] },
): Result<Places> {
  const all = [...filters];
  const namespaces = [...new Set(all.map(({ metadata }) => metadata.namespace ?? "default"))].sort();
  const chosen = namespace ?? namespaces[0];
  if (chosen === undefined) return fail("NoFilters", "the folder holds no WasmFilter; write one, or name another folder");
  if (namespace === undefined && namespaces.length > 1)
    return fail("Namespaces", `the filters are of several namespaces (${namespaces.join(", ")}); say with -n which one the proxy is of`);
  const own = all.filter(({ metadata }) => (metadata.namespace ?? "default") === chosen);
  const http = own.filter(({ spec }) => spec?.type !== "Network");
  const left = own
    .filter((filter) => !http.includes(filter))
    .map(({ metadata }) => `${metadata.name} is a filter for TCP; only filters for HTTP are run`);
  if (http.length === 0)
    return fail("NoFilters", `the folder holds no HTTP filter of namespace ${chosen}${left.length > 0 ? `: ${left.join("; ")}` : ""}`);
  const ordered = http.sort((a, b) => compare(a, b, slotOrder)).map(({ metadata: { name } }): FilterKey => ({ namespace: chosen, name }));
  return ok({ namespace: chosen, slots: ordered.map((filter, n) => ({ slot: `filter-${n + 1}`, filter })), left });
}

function compare(a: WasmFilter, b: WasmFilter, slotOrder: readonly string[]): number {
  const [slotA, slotB] = [a.spec?.slot ?? "default", b.spec?.slot ?? "default"];
  const rank = (slot: string) => (slotOrder.includes(slot) ? slotOrder.indexOf(slot) : slotOrder.length);
  if (slotA !== slotB) return rank(slotA) - rank(slotB) || (slotA < slotB ? -1 : 1);
  return (b.spec?.priority ?? 0) - (a.spec?.priority ?? 0) || (a.metadata.name < b.metadata.name ? -1 : 1);
}

/** A filter as the local proxy is to get it: in its own slot, whatever labels it asks for. */
export function inPlace(filter: WasmFilter, slots: readonly LocalSlot[]): WasmFilter {
  const { name, namespace = "default" } = filter.metadata;
  const place = slots.find(({ filter: key }) => filterId(key) === filterId({ namespace, name }));
  // What is in a manifest may be anything; who parses it says so.
  if (place === undefined || typeof filter.spec !== "object" || filter.spec === null) return filter;
  const { selector: _, ...spec } = filter.spec;
  return { ...filter, spec: { ...spec, slot: place.slot } };
}
