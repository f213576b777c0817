import { count } from "../../base/text.ts";
import type { OtherCluster } from "../others.ts";
import { HERE } from "../read/cluster-state.ts";
import { type Cell, type ComparisonRow, compare, type Environment, environmentId } from "../read/comparison.ts";
import type { Places } from "../read/places.ts";
import { pageIn, textIn } from "../read/query.ts";
import { tagOf } from "../read/tags.ts";
import { type Html, html } from "./html.ts";
import { ago, type Column, digestLink, filterLink, filterLinkById, mark, pager, tablePanel, words } from "./pieces.ts";

/** Columns of a table of all environments; two are compared by themselves. */
const MOST_COLUMNS = 8;
/** Digests of a cell. */
const MOST_DIGESTS = 4;
/** Environments to choose from, shared out evenly to the clusters: what another one tells of may be thousands. */
const MOST_CHOICES = 1_000;

/** Two environments side by side, or, where none are chosen, all of them. */
export function comparePage(places: Places, query: URLSearchParams, now: number): Html {
  const chosen = ["a", "b"].map((name) => places.environments.find((one) => environmentId(one) === textIn(query, name)));
  const [a, b] = chosen;
  const isChosen = a !== undefined && b !== undefined;
  return html`<h1>Compare</h1>
${chooser(places, chosen)}
${otherClusters(places.others, now)}
${isChosen ? sideBySide([a, b], places, query) : versions(places, query)}`;
}

function chooser({ environments, clusters }: Places, chosen: readonly (Environment | undefined)[]): Html {
  const offered = choices(environments, Math.floor(MOST_CHOICES / clusters), chosen);
  const select = (name: string, label: string, one: Environment | undefined): Html =>
    html`<label>${label} <select name="${name}">${offered.map((each) => {
      const id = environmentId(each);
      return html`<option value="${id}"${one !== undefined && id === environmentId(one) ? html` selected` : ""}>${nameOf(each, clusters)}</option>`;
    })}</select></label>`;
  const [a = environments[0], b = environments[1]] = chosen;
  const more = environments.length - offered.length;
  return html`<form class="row" action="/compare">${select("a", "This", a)}${select("b", "with", b)}<button type="submit">Compare</button></form>
${more === 0 ? "" : html`<p class="mute">${count(more, "environment")} more: name one in the address, as <code>a=CLUSTER/NAMESPACE</code></p>`}`;
}

/** The first of each cluster, what is chosen, and clusters whole. */
function choices(all: readonly Environment[], most: number, chosen: readonly (Environment | undefined)[]): readonly Environment[] {
  const offered = new Map<string, number>();
  return all.filter((each) => {
    if (each.namespace === "" || chosen.includes(each)) return true;
    const number = (offered.get(each.cluster) ?? 0) + 1;
    offered.set(each.cluster, number);
    return number <= most;
  });
}

/** `clusters`: how many there are; the only one needs no name. */
function nameOf({ cluster, namespace }: Environment, clusters: number): string {
  if (namespace === "") return `${cluster}: all namespaces`;
  return clusters === 1 ? namespace : `${cluster}: ${namespace}`;
}

/** Where the rest of what is shown comes from, and how old it is. */
function otherClusters(others: readonly OtherCluster[], now: number): Html {
  if (others.length === 0) return html``;
  const rows = others.map(
    ({ name, url, state, trouble }) =>
      html`<tr><th scope="row"><a href="${url}" rel="noreferrer">${name}</a></th><td>${trouble === undefined ? mark("ok", "answers") : mark("lost", "does not answer")}</td><td class="mute">${state === undefined ? "never" : ago(state.at, now)}</td><td class="wide mute">${words(trouble ?? "", 300)}</td></tr>
`,
  );
  return html`<section aria-labelledby="others"><h2 id="others">Other clusters</h2>${tablePanel(["Cluster", "State", "As it was", "Why"], rows)}</section>`;
}

function sideBySide(pair: readonly Environment[], places: Places, query: URLSearchParams): Html {
  const rows = compare(pair, places.states);
  const page = pageIn(query, rows);
  const alike = rows.filter(({ verdict }) => verdict === "same").length;
  return html`<p class="row stats"><span><b>${rows.length}</b> ${rows.length === 1 ? "filter" : "filters"}</span><span>${mark("ok", `${alike} the same`)}</span>${
    alike === rows.length ? "" : html`<span>${mark("failed", `${rows.length - alike} not the same`)}</span>`
  }</p>
${comparisonTable(page.rows, pair, places, "It is")}
${pager(page, "/compare", query, "filter")}`;
}

/** Which version of each filter runs in which environment: those of this cluster, then of the others. */
function versions(places: Places, query: URLSearchParams): Html {
  const environments = places.environments.filter(({ namespace }) => namespace !== "");
  const shown = environments.slice(0, MOST_COLUMNS);
  const page = pageIn(query, compare(shown, places.states));
  const more = environments.length - shown.length;
  return html`<section aria-labelledby="versions"><h2 id="versions">Version by environment</h2>
${comparisonTable(page.rows, shown, places, "They are")}
${pager(page, "/compare", query, "filter")}
${more === 0 ? "" : html`<p class="mute">${count(more, "environment")} more: choose two to compare</p>`}</section>`;
}

/** The first of the versions by environment, for a page that is about more. Nothing where there is one environment only. */
export function versionsPanel(places: Places, mostRows: number): Html {
  const environments = places.environments.filter(({ namespace }) => namespace !== "").slice(0, MOST_COLUMNS);
  if (environments.length < 2) return html``;
  const rows = compare(environments, places.states).slice(0, mostRows);
  return html`<section aria-labelledby="versions"><h2 id="versions">Version by environment</h2>
${comparisonTable(rows, environments, places, "They are")}<p><a href="/compare">Compare environments</a></p></section>`;
}

function comparisonTable(rows: readonly ComparisonRow[], environments: readonly Environment[], places: Places, verdict: string): Html {
  if (rows.length === 0) return html`<p class="panel mute">No filter is there.</p>`;
  const columns: readonly Column[] = ["Filter", ...environments.map((each) => nameOf(each, places.clusters)), verdict];
  const shown = rows.map(
    (
      row,
    ) => html`<tr><th scope="row">${row.name}</th>${row.cells.map((cell, at) => html`<td>${cellOf(row.name, cell, environments[at])}</td>`)}<td class="wide">${verdictOf(row)}</td></tr>
`,
  );
  return tablePanel(columns, shown);
}

function cellOf(name: string, cell: Cell | undefined, environment: Environment | undefined): Html {
  if (cell === undefined || environment === undefined) return html`<span class="mute">not there</span>`;
  const { filter, digests } = cell;
  const version = filter?.image === undefined ? undefined : tagOf(filter.image);
  const link = environment.cluster !== HERE ? "" : name.includes("/") ? filterLinkById(name) : filterLink(environment.namespace, name);
  const run = digests
    .slice(0, MOST_DIGESTS)
    .map(({ digest, proxies }) => html`<br>${digestLink(digest)} <span class="mute">${count(proxies, "proxy")}</span>`);
  const more =
    digests.length > MOST_DIGESTS ? html`<br><span class="mute">${count(digests.length - MOST_DIGESTS, "digest")} more</span>` : "";
  const nothing = digests.length > 0 ? "" : html`<br>${digestLink(filter?.digest)} <span class="mute">no proxy</span>`;
  return html`<b>${words(version ?? "", 40)}</b> <span class="mute">${link}</span>${run}${more}${nothing}`;
}

function verdictOf({ verdict, movedTags }: ComparisonRow): Html {
  const moved = movedTags.map((image) => html`<br><span class="bad">one tag, two digests:</span> <code>${words(image, 120)}</code>`);
  if (verdict === "same") return html`${mark("ok", "the same")}${moved}`;
  return html`${verdict === "differs" ? mark("failed", "different") : mark("pending", "not everywhere")}${moved}`;
}
