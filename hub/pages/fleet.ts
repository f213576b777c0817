import { type FleetSnapshot, type Group, PROXY_STANDINGS, type ProxyQuery, type ProxyRow, selectProxies } from "../read/fleet-snapshot.ts";
import type { Places } from "../read/places.ts";
import { choiceIn, pageIn, textIn, withQuery } from "../read/query.ts";
import { labelTexts, tally } from "../read/rows.ts";
import type { ProxyFilterView, ProxyView } from "../views.ts";
import { versionsPanel } from "./compare.ts";
import { type Html, html } from "./html.ts";
import { fleetCounts } from "./overview.ts";
import { fleetPicture } from "./pictures.ts";
import {
  type Column,
  digestLink,
  facet,
  facets,
  filterLink,
  filterLinkById,
  mark,
  pager,
  proxyLink,
  revisionCells,
  searchField,
  tablePanel,
  wordOf,
  words,
} from "./pieces.ts";

const MOST_GROUPS = 30;
/** Filters whose versions are shown by environment: those that differ first. */
const MOST_VERSIONS = 10;

/** Every proxy, and what is not as wanted. */
export function fleetPage(snapshot: FleetSnapshot, places: Places, query: URLSearchParams): Html {
  const asked = queryOf(query);
  const rows = selectProxies(snapshot.proxies, asked);
  const page = pageIn(query, rows);
  const astray = snapshot.groups.filter(({ standing }) => standing !== "ok");
  return html`<h1>Fleet</h1>
<p class="row stats">${fleetCounts(snapshot)}</p>
${chooser(snapshot, asked, query)}
<section class="panel" aria-labelledby="every"><h2 id="every">Every proxy</h2>${fleetPicture(rows)}</section>
${astray.length === 0 ? "" : html`<section aria-labelledby="astray"><h2 id="astray">Not as wanted, grouped</h2>${groupTable(astray.slice(0, MOST_GROUPS))}</section>`}
${versionsPanel(places, MOST_VERSIONS)}
<section aria-labelledby="proxies"><h2 id="proxies">Proxies</h2>${proxyTable(page.rows)}${pager(page, "/fleet", query, "proxy")}</section>
<section aria-labelledby="digests"><h2 id="digests">What proxies have, by digest</h2>${groupTable(snapshot.groups.filter(({ standing }) => standing !== "lost").slice(0, MOST_GROUPS))}</section>`;
}

function queryOf(query: URLSearchParams): ProxyQuery {
  return {
    q: textIn(query, "q"),
    namespace: textIn(query, "namespace"),
    state: choiceIn(query, "state", PROXY_STANDINGS),
    label: textIn(query, "label"),
  };
}

function chooser({ proxies, counts }: FleetSnapshot, asked: ProxyQuery, query: URLSearchParams): Html {
  const to = (changes: Readonly<Record<string, string | undefined>>): string => withQuery("/fleet", query, changes);
  const states = PROXY_STANDINGS.filter((state) => counts[state] > 0).map((state) => [state, counts[state]] as const);
  const namespaces = tally(proxies.map(({ namespace }) => namespace));
  return html`<form class="row" action="/fleet">${searchField(query, "Search these proxies", "id, label or what is wrong", ["namespace", "state", "label"])}</form>
<p class="row facets"><span class="mute">state</span>${facets({ name: "state", values: states, chosen: asked.state, to, word: wordOf })}<span class="mute">namespace</span>${facets({ name: "namespace", values: namespaces, chosen: asked.namespace, to })}${
    asked.label === undefined ? "" : facet(asked.label, undefined, to({ label: undefined }), true)
  }</p>`;
}

export function groupTable(groups: readonly Group[]): Html {
  if (groups.length === 0) return html`<p class="panel mute">None.</p>`;
  const rows = groups.map(
    (group) => html`<tr><th scope="row">${filterLinkById(group.filter)}</th>${groupCells(group)}</tr>
`,
  );
  return tablePanel(["Filter", ...GROUP_COLUMNS], rows);
}

/** What tables of groups say of each. */
export const GROUP_COLUMNS: readonly Column[] = ["Revision", "Digest", "State", { ofNumbers: "Proxies" }, "Why"];

export function groupCells(group: Group): Html {
  return html`${revisionCells(group)}<td>${mark(group.standing)}</td><td class="num">${group.count}</td><td class="wide mute">${words(group.message)}</td>`;
}

function proxyTable(rows: readonly ProxyRow[]): Html {
  if (rows.length === 0) return html`<p class="panel mute">No proxy is like that.</p>`;
  const shown = rows.map(
    ({ id, namespace, standing, filters, trouble }) =>
      html`<tr><th scope="row">${proxyLink(namespace, id)}</th><td>${mark(standing)}</td><td class="num">${filters}</td><td class="wide">${trouble === undefined ? "" : html`${filterLinkById(trouble.filter)} <span class="mute">${words(trouble.message)}</span>`}</td></tr>
`,
  );
  return tablePanel(["Proxy", "State", { ofNumbers: "Filters" }, "What is not as wanted"], shown);
}

/** One proxy: what it runs, slot by slot, in the order in which a request meets it. */
export function proxyPage({ id, namespace, labels, connected, slots }: ProxyView): Html {
  return html`<p class="crumb"><a href="/fleet">Fleet</a> / <a href="/fleet?namespace=${encodeURIComponent(namespace)}">${namespace}</a></p>
<h1>${id} <span class="state">${connected ? mark("ok", "connected") : mark("lost")}</span></h1>
<p class="row facets">${labelTexts(labels).map((label) => facet(label, undefined, withQuery("/fleet", new URLSearchParams(), { label }), false))}</p>
${slots.length === 0 ? html`<p class="panel mute">It asks for no slot.</p>` : ""}
${slots.map(
  (slot, index) =>
    html`<section aria-labelledby="slot-${index}"><h2 id="slot-${index}">Slot ${slot.name}</h2>${
      slot.filters.length === 0 ? html`<p class="panel mute">No filter.</p>` : slotTable(slot.filters)
    }</section>`,
)}`;
}

function slotTable(filters: readonly ProxyFilterView[]): Html {
  const rows = filters.map(
    (view) =>
      html`<tr><th scope="row">${filterLink(view.namespace, view.name)}</th>${revisionCells(view)}<td>${view.revision === 0 ? "" : digestLink(view.wasmDigest)}</td><td>${mark(view.state === "updated" ? "ok" : view.state)}</td><td class="wide mute">${words(view.message, 600)}</td></tr>
`,
  );
  return tablePanel(["Filter", "Revision", "Digest", "Module", "State", "Why"], rows);
}
