import { clip, oneLine } from "../../base/text.ts";
import type { ProxyFilterView, ProxyView } from "../../hub/index.ts";
import { shortDigest } from "../../model/digest.ts";
import type { FilterKey } from "../../model/filter.ts";
import { table } from "./table.ts";

/** What `weir proxies` prints: one line for each filter on each proxy. */
export function renderProxies(proxies: readonly ProxyView[], options: { readonly namespaces: boolean }): string {
  const rows = proxies.flatMap((proxy) => {
    const lead = [...(options.namespaces ? [proxy.namespace] : []), proxy.id, proxy.connected ? "yes" : "no"];
    const filters = proxy.slots.flatMap((slot) => slot.filters.map((filter) => [slot.name, ...filterCells(filter)]));
    const empty = [proxy.slots.map(({ name }) => name).join(",") || "-", "-", "-", "-", "-", ""];
    return (filters.length === 0 ? [empty] : filters).map((cells) => [...lead, ...cells]);
  });
  const head = [
    ...(options.namespaces ? ["NAMESPACE"] : []),
    "PROXY",
    "CONNECTED",
    "SLOT",
    "FILTER",
    "REVISION",
    "DIGEST",
    "STATE",
    "MESSAGE",
  ];
  return `${table(head, rows).join("\n")}\n`;
}

/** What stands in the place of a filter is no revision. */
function shownRevision(revision: number): string {
  return revision === 0 ? "-" : String(revision);
}

/** Nor is its digest one of the filter's. */
function shownDigest(revision: number, digest: string): string {
  return revision === 0 ? "-" : shortDigest(digest);
}

function filterCells({ namespace, name, revision, digest, state, message }: ProxyFilterView): string[] {
  return [`${namespace}/${name}`, shownRevision(revision), shownDigest(revision, digest), state, clip(oneLine(message), 100)];
}

/** Proxies that are in the same state with a filter. */
export interface ProxyGroup {
  /** What they run; for a proxy that runs nothing yet, what it will get. */
  readonly revision: number;
  readonly digest: string;
  readonly state: ProxyFilterView["state"] | "lost";
  /** The message that all of them have; empty if they differ. */
  readonly message: string;
  /** Node ids, sorted. */
  readonly ids: readonly string[];
}

/** The proxies of one filter, by revision (newest first) and state. A disconnected proxy counts as lost, whatever it ran. */
export function groupProxies(proxies: readonly ProxyView[], filter: FilterKey): readonly ProxyGroup[] {
  const groups = new Map<string, { view: ProxyFilterView; state: ProxyGroup["state"]; ids: string[]; messages: Set<string> }>();
  for (const proxy of proxies) {
    for (const view of proxy.slots.flatMap((slot) => slot.filters)) {
      if (view.namespace !== filter.namespace || view.name !== filter.name) continue;
      const state = proxy.connected ? view.state : "lost";
      const key = `${view.revision} ${view.digest} ${state}`;
      const group = groups.get(key) ?? { view, state, ids: [], messages: new Set() };
      group.ids.push(proxy.id);
      group.messages.add(view.message);
      groups.set(key, group);
    }
  }
  const plain = [...groups.values()].map(({ view, state, ids, messages }) => ({
    revision: view.revision,
    digest: view.digest,
    state,
    message: messages.size === 1 ? view.message : "",
    ids: ids.sort((a, b) => a.localeCompare(b, "en", { numeric: true })),
  }));
  return plain.sort((a, b) => b.revision - a.revision || a.state.localeCompare(b.state));
}

const NAMES = 6;

export function renderGroups(groups: readonly ProxyGroup[], indent: string): string[] {
  const rows = groups.map(({ revision, digest, state, message, ids }) => {
    const more = ids.length > NAMES ? `, and ${ids.length - NAMES} more` : "";
    const names = `${ids.slice(0, NAMES).join(", ")}${more}`;
    return [
      shownRevision(revision),
      shownDigest(revision, digest),
      state,
      String(ids.length),
      message === "" ? names : `${names} (${clip(oneLine(message), 80)})`,
    ];
  });
  return table(["REVISION", "DIGEST", "STATE", "COUNT", "PROXIES"], rows, indent);
}
