import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { labelTexts, order } from "./rows.ts";
import { reasonOf, STANDINGS, type Standing, standingOf } from "./standing.ts";

/** A filter as lists of filters show it. */
export interface FilterRow {
  readonly filter: WasmFilter;
  readonly namespace: string;
  readonly name: string;
  readonly standing: Standing;
  /** Why it stands so; empty where all is well. */
  readonly reason: string;
  /** RFC 3339: when its newest revision was made, or the filter where it has none. */
  readonly changed: string;
}

export function filterRow(filter: WasmFilter): FilterRow {
  const { name, namespace = "", creationTimestamp = "" } = filter.metadata;
  const changed = filter.status?.history?.[0]?.time ?? creationTimestamp;
  const standing = standingOf(filter);
  return { filter, namespace, name, standing, reason: reasonOf(filter, standing), changed };
}

export const FILTER_SORTS = ["attention", "name", "changed"] as const;
export type FilterSort = (typeof FILTER_SORTS)[number];

/** What a list of filters shows. Absent: all. */
export interface FilterQuery {
  /** Found in the name, the namespace, the image, or a digest. */
  readonly q?: string | undefined;
  readonly namespace?: string | undefined;
  readonly state?: Standing | undefined;
  /** `key=value` of the filter's labels. */
  readonly label?: string | undefined;
  readonly slot?: string | undefined;
  readonly sort: FilterSort;
}

/** The rows that the query asks for, in its order. */
export function selectFilters(rows: readonly FilterRow[], query: FilterQuery): FilterRow[] {
  return rows.filter((row) => isAskedFor(row, query)).sort((a, b) => compare(a, b, query.sort));
}

function isAskedFor(row: FilterRow, { q, namespace, state, label, slot }: FilterQuery): boolean {
  if (namespace !== undefined && row.namespace !== namespace) return false;
  if (state !== undefined && row.standing !== state) return false;
  if (slot !== undefined && (row.filter.spec.slot ?? "default") !== slot) return false;
  if (label !== undefined && !labelTexts(row.filter.metadata.labels).includes(label)) return false;
  return q === undefined || textOf(row.filter).includes(q.toLowerCase());
}

function textOf({ metadata, spec, status }: WasmFilter): string {
  const texts = [`${metadata.namespace}/${metadata.name}`, spec.image, spec.url, spec.digest, status?.digest, status?.wasmDigest];
  return texts.join("\n").toLowerCase();
}

function compare(a: FilterRow, b: FilterRow, sort: FilterSort): number {
  const byName = order(a.namespace, b.namespace) || order(a.name, b.name);
  if (sort === "name") return byName;
  const byTime = order(b.changed, a.changed) || byName;
  if (sort === "changed") return byTime;
  return STANDINGS.indexOf(a.standing) - STANDINGS.indexOf(b.standing) || (a.standing === "ok" ? byName : byTime);
}
