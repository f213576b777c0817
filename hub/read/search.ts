import { isDigest } from "../../model/digest.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { filterRow, selectFilters } from "./filter-row.ts";

/** Characters of a search that count. */
const MAX = 300;

/** The page that has what a person looks for: of a digest, of the only filter of that name, the filters in which it is found, or else the proxies. */
export function searchTarget(text: string, filters: readonly WasmFilter[]): string {
  const q = text.trim().slice(0, MAX);
  if (q === "") return "/filters";
  if (isDigest(q)) return `/digests/${q}`;
  const query = new URLSearchParams({ q }).toString();
  const named = filters.filter(({ metadata }) => metadata.name === q || `${metadata.namespace}/${metadata.name}` === q);
  const [only] = named;
  if (only !== undefined && named.length === 1)
    return `/filters/${encodeURIComponent(only.metadata.namespace ?? "")}/${encodeURIComponent(only.metadata.name)}`;
  const found = selectFilters(filters.map(filterRow), { q, sort: "attention" });
  return found.length > 0 ? `/filters?${query}` : `/fleet?${query}`;
}
