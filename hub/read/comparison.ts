import type { ClusterState, FilterState } from "./cluster-state.ts";
import { order } from "./rows.ts";

/** A place where filters run: a namespace of a cluster, or a whole cluster (its namespace is empty). */
export interface Environment {
  readonly cluster: string;
  readonly namespace: string;
}

/** As URLs and forms name it: `CLUSTER/NAMESPACE`, `CLUSTER/` for all of a cluster. */
export function environmentId({ cluster, namespace }: Environment): string {
  return `${cluster}/${namespace}`;
}

/** What one environment has of a filter. */
export interface Cell {
  /** What the filter serves there, where it is one of that environment. */
  readonly filter: FilterState | undefined;
  /** What proxies there have, the most frequent first. */
  readonly digests: readonly { readonly digest: string; readonly proxies: number }[];
}

export type Verdict = "differs" | "missing" | "same";

/** One filter in several environments. */
export interface ComparisonRow {
  /** The filter's name, with its namespace where that is not the environment's. */
  readonly name: string;
  /** One for each environment; `undefined`: it is not there. */
  readonly cells: readonly (Cell | undefined)[];
  readonly verdict: Verdict;
  /** Images that are written alike and are not: a tag that was moved, or another registry behind the same name. */
  readonly movedTags: readonly string[];
}

const VERDICTS: readonly Verdict[] = ["differs", "missing", "same"];

/** All namespaces in which something of Weir is, by cluster. */
export function environmentsOf(cluster: string, { filters, running }: ClusterState): readonly Environment[] {
  const names = new Set([...filters.map(({ namespace }) => namespace), ...running.map(({ namespace }) => namespace)]);
  return [...names].sort(order).map((namespace) => ({ cluster, namespace }));
}

/** The filters of environments side by side: those that differ first. */
export function compare(environments: readonly Environment[], states: ReadonlyMap<string, ClusterState>): readonly ComparisonRow[] {
  const columns = environments.map((environment) => cellsOf(environment, states.get(environment.cluster)));
  const names = new Set(columns.flatMap((cells) => [...cells.keys()]));
  const rows = [...names].map((name) =>
    rowOf(
      name,
      columns.map((cells) => cells.get(name)),
    ),
  );
  const isMoved = ({ movedTags }: ComparisonRow) => (movedTags.length > 0 ? 0 : 1);
  return rows.sort((a, b) => isMoved(a) - isMoved(b) || VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict) || order(a.name, b.name));
}

function cellsOf({ namespace }: Environment, state: ClusterState | undefined): ReadonlyMap<string, Cell> {
  const cells = new Map<string, { filter: FilterState | undefined; digests: Map<string, number> }>();
  const cell = (name: string) => {
    const known = cells.get(name) ?? { filter: undefined, digests: new Map<string, number>() };
    cells.set(name, known);
    return known;
  };
  const isWhole = namespace === "";
  for (const filter of state?.filters ?? []) {
    if (isWhole) cell(`${filter.namespace}/${filter.name}`).filter = filter;
    else if (filter.namespace === namespace) cell(filter.name).filter = filter;
  }
  for (const { namespace: of, filter, digest, proxies } of state?.running ?? []) {
    if (!isWhole && of !== namespace) continue;
    const { digests } = cell(isWhole || !filter.startsWith(`${namespace}/`) ? filter : filter.slice(namespace.length + 1));
    digests.set(digest, (digests.get(digest) ?? 0) + proxies);
  }
  return new Map(Array.from(cells, ([name, { filter, digests }]) => [name, { filter, digests: sorted(digests) }]));
}

function sorted(digests: ReadonlyMap<string, number>): Cell["digests"] {
  return Array.from(digests, ([digest, proxies]) => ({ digest, proxies })).sort(
    (a, b) => b.proxies - a.proxies || order(a.digest, b.digest),
  );
}

function rowOf(name: string, cells: readonly (Cell | undefined)[]): ComparisonRow {
  const what = cells.map((cell) => cell && digestsIn(cell).join(" "));
  const isMissing = cells.includes(undefined);
  const found = new Set(what.filter((text) => text !== undefined));
  return { name, cells, verdict: found.size > 1 ? "differs" : isMissing ? "missing" : "same", movedTags: movedTags(cells) };
}

/** What runs there; where no proxy has it, what would. */
function digestsIn({ filter, digests }: Cell): readonly string[] {
  if (digests.length > 0) return digests.map(({ digest }) => digest).sort(order);
  return filter?.digest === undefined ? [] : [filter.digest];
}

function movedTags(cells: readonly (Cell | undefined)[]): readonly string[] {
  const digests = new Map<string, Set<string>>();
  for (const cell of cells) {
    const { image, digest } = cell?.filter ?? {};
    if (image === undefined || digest === undefined || image.includes("@")) continue;
    digests.set(image, (digests.get(image) ?? new Set()).add(digest));
  }
  return Array.from(digests).flatMap(([image, found]) => (found.size > 1 ? [image] : []));
}
