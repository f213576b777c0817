import { isDigest } from "../../model/digest.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { filterRow, selectFilters } from "./filter-row.ts";
import { filterPath } from "./query.ts";

/** The page that has what a person looks for: of a digest, of the only filter of that name, the filters in which it is found, or else the proxies. */
export function searchTarget(q: string | undefined, filters: readonly WasmFilter[]): string {
  if (q === undefined) return "/filters";
  if (isDigest(q)) return `/digests/${q}`;
  const query = new URLSearchParams({ q }).toString();
  const named = filters.filter(({ metadata }) => metadata.name === q || `${metadata.namespace}/${metadata.name}` === q);
  const [only] = named;
  if (only !== undefined && named.length === 1) return filterPath(only.metadata.namespace ?? "", only.metadata.name);
  const found = selectFilters(filters.map(filterRow), { q, sort: "attention" });
  return found.length > 0 ? `/filters?${query}` : `/fleet?${query}`;
}
