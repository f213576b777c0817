import type { Pause } from "../../base/pause.ts";
import type { ProxyFilterView, ProxyView } from "../views.ts";
import { labelTexts, order } from "./rows.ts";

/** How a proxy stands: as wanted, on its way there, lost (not connected), or with a rejection. */
export type ProxyStanding = "rejected" | "lost" | "pending" | "ok";

/** The order in which people look at proxies. */
export const PROXY_STANDINGS: readonly ProxyStanding[] = ["rejected", "lost", "pending", "ok"];

/** A proxy as lists of proxies show it. Small: there may be tens of thousands. */
export interface ProxyRow {
  readonly id: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly standing: ProxyStanding;
  /** How many filters it runs or is to run. */
  readonly filters: number;
  /** The first filter that is not as wanted, `namespace/name`, and why. */
  readonly trouble: { readonly filter: string; readonly message: string } | undefined;
}

/** What proxies do with one filter: those of a revision and a state. */
export interface Group {
  readonly filter: string;
  readonly revision: number;
  readonly digest: string;
  readonly wasmDigest: string;
  readonly standing: ProxyStanding;
  /** That of the first. */
  readonly message: string;
  count: number;
}

/** A group of the proxies of one namespace. */
export interface NamespaceGroup extends Group {
  /** The proxies'. */
  readonly namespace: string;
}

/** The fleet at one moment, summed up. */
export interface FleetSnapshot {
  /** Milliseconds since the epoch: when the look began. */
  readonly at: number;
  /** Those that need a person first, then by namespace and id. */
  readonly proxies: readonly ProxyRow[];
  readonly counts: Readonly<Record<ProxyStanding, number>>;
  /** The largest first. */
  readonly groups: readonly Group[];
  /** The same by the namespace of the proxies, in no order. */
  readonly byNamespace: readonly NamespaceGroup[];
}

/** Sums up a fleet. It lets other work of the process in between, so a large fleet is one of several moments. */
export async function takeSnapshot(proxies: Iterable<ProxyView>, at: number, pause: Pause): Promise<FleetSnapshot> {
  const rows: ProxyRow[] = [];
  const counts = { rejected: 0, lost: 0, pending: 0, ok: 0 };
  const groups = new Map<string, NamespaceGroup>();
  for (const proxy of proxies) {
    const row = rowOf(proxy, groups);
    rows.push(row);
    counts[row.standing]++;
    await pause();
  }
  rows.sort(compareRows);
  const byNamespace = [...groups.values()];
  return { at, proxies: rows, counts, groups: joinNamespaces(byNamespace), byNamespace };
}

function joinNamespaces(groups: readonly NamespaceGroup[]): readonly Group[] {
  const joined = new Map<string, Group>();
  for (const { namespace: _, ...group } of groups) {
    const key = keyOf(group.filter, group.revision, group.digest, group.standing);
    const known = joined.get(key);
    if (known === undefined) joined.set(key, group);
    else known.count += group.count;
  }
  return [...joined.values()].sort((a, b) => b.count - a.count);
}

function keyOf(filter: string, revision: number, digest: string, standing: ProxyStanding): string {
  return `${filter} ${revision} ${digest} ${standing}`;
}

function rowOf({ id, namespace, labels, connected, slots }: ProxyView, groups: Map<string, NamespaceGroup>): ProxyRow {
  let standing: ProxyStanding = connected ? "ok" : "lost";
  let trouble: ProxyRow["trouble"];
  let filters = 0;
  for (const slot of slots) {
    for (const view of slot.filters) {
      filters++;
      const one = standingIn(view, connected);
      addTo(groups, namespace, view, one);
      const isWorse = PROXY_STANDINGS.indexOf(one) < PROXY_STANDINGS.indexOf(standing);
      if (isWorse) standing = one;
      if (isWorse || (trouble === undefined && one !== "ok")) {
        trouble = { filter: `${view.namespace}/${view.name}`, message: view.message };
      }
    }
  }
  return { id, namespace, labels, standing, filters, trouble };
}

function standingIn({ state }: ProxyFilterView, connected: boolean): ProxyStanding {
  if (state === "rejected") return "rejected";
  if (!connected) return "lost";
  return state === "updated" ? "ok" : "pending";
}

function addTo(groups: Map<string, NamespaceGroup>, namespace: string, view: ProxyFilterView, standing: ProxyStanding): void {
  const filter = `${view.namespace}/${view.name}`;
  const key = `${keyOf(filter, view.revision, view.digest, standing)} ${namespace}`;
  const known = groups.get(key);
  if (known !== undefined) known.count++;
  else {
    const { revision, digest, wasmDigest, message } = view;
    groups.set(key, { namespace, filter, revision, digest, wasmDigest, standing, message, count: 1 });
  }
}

function compareRows(a: ProxyRow, b: ProxyRow): number {
  const byStanding = PROXY_STANDINGS.indexOf(a.standing) - PROXY_STANDINGS.indexOf(b.standing);
  return byStanding || order(a.namespace, b.namespace) || order(a.id, b.id);
}

/** What a list of proxies shows. Absent: all. */
export interface ProxyQuery {
  /** Found in the id, the namespace, a label or what is wrong. */
  readonly q?: string | undefined;
  readonly namespace?: string | undefined;
  readonly state?: ProxyStanding | undefined;
  /** `key=value`. */
  readonly label?: string | undefined;
}

/** The rows that the query asks for, in the order of the snapshot. */
export function selectProxies(rows: readonly ProxyRow[], { q, namespace, state, label }: ProxyQuery): readonly ProxyRow[] {
  const words = q?.toLowerCase();
  return rows.filter((row) => {
    if (namespace !== undefined && row.namespace !== namespace) return false;
    if (state !== undefined && row.standing !== state) return false;
    const labels = label === undefined && words === undefined ? [] : labelTexts(row.labels);
    if (label !== undefined && !labels.includes(label)) return false;
    if (words === undefined) return true;
    return [`${row.namespace}/${row.id}`, ...labels, row.trouble?.filter ?? "", row.trouble?.message ?? ""]
      .join("\n")
      .toLowerCase()
      .includes(words);
  });
}
