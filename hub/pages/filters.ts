import { count } from "../../base/text.ts";
import { shortDigest } from "../../model/digest.ts";
import { wavePercents } from "../../model/filter.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { stableItem } from "../../model/history.ts";
import { FILTER_SORTS, type FilterQuery, type FilterRow, selectFilters } from "../read/filter-row.ts";
import { choiceIn, pageIn, textIn, withQuery } from "../read/query.ts";
import { labelTexts, tally } from "../read/rows.ts";
import { STANDINGS } from "../read/standing.ts";
import { tagOf } from "../read/tags.ts";
import { type Html, html } from "./html.ts";
import { waveBar } from "./pictures.ts";
import { ago, digestLink, facet, facets, filterLink, mark, pager, searchField, tablePanel, wordOf, words } from "./pieces.ts";

/** All filters, as the URL asks for them. */
export function filtersPage(rows: readonly FilterRow[], query: URLSearchParams, now: number): Html {
  const asked = queryOf(query);
  const page = pageIn(query, selectFilters(rows, asked));
  return html`<h1>Filters</h1>
${chooser(rows, asked, query)}
${filterTable(page.rows, now)}
${pager(page, "/filters", query, "filter")}`;
}

function queryOf(query: URLSearchParams): FilterQuery {
  return {
    q: textIn(query, "q"),
    namespace: textIn(query, "namespace"),
    state: choiceIn(query, "state", STANDINGS),
    label: textIn(query, "label"),
    slot: textIn(query, "slot"),
    sort: choiceIn(query, "sort", FILTER_SORTS) ?? "attention",
  };
}

/** Every choice is in the URL, so that it works without a script and can be sent to a colleague. */
function chooser(rows: readonly FilterRow[], asked: FilterQuery, query: URLSearchParams): Html {
  const to = (changes: Readonly<Record<string, string | undefined>>): string => withQuery("/filters", query, changes);
  const counts = new Map(tally(rows.map(({ standing }) => standing)));
  const states = STANDINGS.filter((state) => counts.has(state)).map((state) => [state, counts.get(state)] as const);
  const namespaces = tally(rows.map(({ namespace }) => namespace));
  const labels = tally(rows.flatMap(({ filter }) => labelTexts(filter.metadata.labels)));
  return html`<form class="row" action="/filters">
${searchField(query, "Search these filters", "name, image or digest", ["namespace", "state", "label", "slot", "sort"])}
<span class="mute">sort</span>${FILTER_SORTS.map((sort) => facet(sort, undefined, to({ sort: sort === "attention" ? undefined : sort }), asked.sort === sort))}
</form>
<p class="row facets"><span class="mute">state</span>${facets({ name: "state", values: states, chosen: asked.state, to, word: wordOf })}
<span class="mute">namespace</span>${facets({ name: "namespace", values: namespaces, chosen: asked.namespace, to })}
${labels.length === 0 ? "" : html`<span class="mute">label</span>${facets({ name: "label", values: labels, chosen: asked.label, to })}`}</p>`;
}

export function filterTable(rows: readonly FilterRow[], now: number): Html {
  if (rows.length === 0) return html`<p class="panel mute">No filter is like that.</p>`;
  const shown = rows.map(
    (
      row,
    ) => html`<tr id="filter-${row.namespace}/${row.name}"><th scope="row">${filterLink(row.namespace, row.name)}</th><td>${runs(row.filter)}</td><td>${digestLink(row.filter.status?.digest)}</td><td class="wide">${mark(row.standing)} <span class="mute">${words(row.reason)}</span></td><td>${proxies(row.filter)}</td><td>${follows(row.filter)}</td><td class="mute">${ago(row.changed, now)}</td></tr>
`,
  );
  return tablePanel(["Filter", "Runs", "Digest", "State", "Proxies", "Follows", "Changed"], shown);
}

/** The tag of the stable revision as its manifest wrote it, and its number. */
function runs({ status }: WasmFilter): Html {
  const stable = stableItem(status);
  if (stable === undefined) return html`<span class="mute">nothing yet</span>`;
  return html`<b>${words(tagOf(stable.image) ?? shortDigest(stable.digest), 40)}</b> <span class="mute">r${stable.revision}</span>`;
}

function proxies({ spec, status }: WasmFilter): Html {
  if (status?.proxies === undefined) return html`<span class="mute">not known</span>`;
  const { updated, matched } = status.proxies;
  return html`<span class="cell">${waveBar(status.proxies, wavePercents(spec))}<span>${updated}/${matched}</span></span>`;
}

/** Which digests it takes by itself. */
export function follows({ spec }: WasmFilter): Html {
  if (spec.digest !== undefined) return html`<span class="busy">pinned</span>`;
  if (spec.image === undefined) return html`a URL`;
  const tag = tagOf(spec.image);
  if (tag === undefined) return html`its digest`;
  return html`${spec.pullPolicy === "Always" ? "tag" : "tag once"} ${words(tag, 40)}`;
}

/** What needs a person, one line each. */
export function attention(rows: readonly FilterRow[], most: number): Html {
  const waiting = rows.filter(({ standing }) => standing === "failed" || standing === "paused");
  if (waiting.length === 0) return html`<p class="panel">${mark("ok", "nothing waits for a person")}</p>`;
  const more = waiting.length - most;
  return html`<ul class="panel flush alerts">${waiting.slice(0, most).map(
    ({
      namespace,
      name,
      standing,
      reason,
    }) => html`<li class="${standing}">${mark(standing)} ${filterLink(namespace, name)} <span class="wide">${words(reason, 240)}</span></li>
`,
  )}${more > 0 ? html`<li><a href="/filters">${count(more, "filter")} more</a></li>` : ""}</ul>`;
}
