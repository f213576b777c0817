import { duration } from "../../base/elapsed.ts";
import { clip, count, oneLine } from "../../base/text.ts";
import { isDigest, shortDigest } from "../../model/digest.ts";
import type { WasmFilterStatusHistoryItem, WasmFilterStatusProxies, WasmFilterStatusRollout } from "../../model/gen/wasmfilter.ts";
import type { ProxyStanding } from "../read/fleet-snapshot.ts";
import { filterPath, type Page, textIn, withQuery } from "../read/query.ts";
import type { Standing } from "../read/standing.ts";
import { type Html, html } from "./html.ts";

/** Signs in a square of ten by ten: a disc, a ring, half a disc, bars, a triangle, a way back, a square, a stroke. */
const SIGNS = {
  disc: "M5 1a4 4 0 1 0 0 8a4 4 0 1 0 0-8z",
  ring: "M5 1a4 4 0 1 0 0 8a4 4 0 1 0 0-8zM5 2.5a2.5 2.5 0 1 1 0 5a2.5 2.5 0 1 1 0-5z",
  half: "M5 1a4 4 0 1 0 0 8a4 4 0 1 0 0-8zM5 2a3 3 0 0 1 0 6z",
  bars: "M2 1h2v8h-2zM6 1h2v8h-2z",
  triangle: "M5 1l4.5 8h-9z",
  back: "M4 1v2h2.5a2.5 2.5 0 0 1 0 6h-4.5v-1.5h4.5a1 1 0 0 0 0-3h-2.5v2l-4-2.75z",
  square: "M1 1h8v8h-8zM2.5 2.5v5h5v-5z",
  stroke: "M1 4h8v2h-8z",
} as const;

/** Shape and word say what the colour says. */
const MARKS: Readonly<
  Record<Standing | ProxyStanding | WasmFilterStatusHistoryItem["result"], readonly [string, keyof typeof SIGNS, string]>
> = {
  ok: ["ok", "disc", "as wanted"],
  busy: ["busy", "half", "on its way"],
  pending: ["busy", "half", "on its way"],
  paused: ["busy", "bars", "paused"],
  failed: ["bad", "triangle", "failed"],
  rejected: ["bad", "triangle", "refused"],
  lost: ["mute", "square", "lost"],
  off: ["mute", "stroke", "suspended"],
  unread: ["mute", "ring", "not read yet"],
  Progressing: ["busy", "half", "progressing"],
  Succeeded: ["ok", "disc", "succeeded"],
  RolledBack: ["bad", "back", "rolled back"],
  Rejected: ["bad", "triangle", "rejected"],
  Superseded: ["mute", "ring", "superseded"],
};

export type Marked = keyof typeof MARKS;

/** The state's sign and its word. */
export function mark(state: Marked, words?: string): Html {
  const [style, sign, word] = MARKS[state];
  return html`<span class="${style}"><svg class="sign" viewBox="0 0 10 10" aria-hidden="true"><path fill-rule="evenodd" d="${SIGNS[sign]}"/></svg> ${words ?? word}</span>`;
}

export function wordOf(state: Marked): string {
  return MARKS[state][2];
}

/** `namespace/name`, which is a filter's id too. */
export function filterLink(namespace: string, name: string): Html {
  return html`<a href="${filterPath(namespace, name)}"><span class="mute">${namespace}/</span><b>${name}</b></a>`;
}

export function filterLinkById(id: string): Html {
  const slash = id.indexOf("/");
  return filterLink(id.slice(0, slash), id.slice(slash + 1));
}

export function proxyLink(namespace: string, id: string): Html {
  const query = new URLSearchParams({ namespace, id });
  return html`<a href="/fleet/proxy?${query.toString()}"><span class="mute">${namespace}/</span>${clip(id, 80)}</a>`;
}

/** Twelve digits that lead to everything about the digest; the whole one is in its title. */
export function digestLink(digest: string | undefined): Html {
  if (digest === undefined || !isDigest(digest)) return html`<span class="mute">none</span>`;
  return html`<a href="/digests/${digest}" title="${digest}"><code>${shortDigest(digest)}</code></a>`;
}

/** How long ago, with the moment itself: RFC 3339, or milliseconds since the epoch. */
export function ago(moment: string | number | undefined, now: number): Html {
  const at = typeof moment === "string" ? Date.parse(moment) : (moment ?? Number.NaN);
  if (Number.isNaN(at)) return html`<span class="mute">unknown</span>`;
  return html`<time datetime="${new Date(at).toISOString()}" title="${new Date(at).toISOString()}">${duration(now - at)} ago</time>`;
}

/** One line of what somebody else wrote, cut, and whole in its title. */
export function words(text: string, max = 160): Html {
  const line = oneLine(text);
  const shown = clip(line, max);
  return shown === line ? html`${shown}` : html`<span title="${clip(line, 2_000)}">${shown}</span>`;
}

/** How far a rollout is, by the filter's proxies. */
export function progressWords({ updated, matched, pending, rejected }: WasmFilterStatusProxies): string {
  return `${updated} of ${count(matched, "proxy")} updated, ${pending} pending, ${rejected} refused`;
}

/** Where it stands: `Holding, wave 2 of 3`. */
export function waveWords({ state, step, steps }: WasmFilterStatusRollout): string {
  return step === undefined ? state : `${state}, wave ${step} of ${steps ?? step}`;
}

/** A column by its name; `ofNumbers`: what stands in it does so at the right. */
export type Column = string | { readonly ofNumbers: string };

/** `rows`: each a `<tr>`. */
export function table(columns: readonly Column[], rows: readonly Html[], isTight = false): Html {
  const heads = columns.map((column) =>
    typeof column === "string" ? html`<th scope="col">${column}</th>` : html`<th scope="col" class="num">${column.ofNumbers}</th>`,
  );
  return html`<table${isTight ? html` class="tight"` : ""}><thead><tr>${heads}</tr></thead><tbody>${rows}</tbody></table>`;
}

/** A table that fills a panel. */
export function tablePanel(columns: readonly Column[], rows: readonly Html[]): Html {
  return html`<div class="panel flush">${table(columns, rows)}</div>`;
}

/** The cells of what a proxy has of a filter: the revision's number, and its digest. Revision 0 is what stands in for a module that is not there yet. */
export function revisionCells({ revision, digest }: { readonly revision: number; readonly digest: string }): Html {
  return revision === 0
    ? html`<td>–</td><td><span class="mute">placeholder</span></td>`
    : html`<td>${revision}</td><td>${digestLink(digest)}</td>`;
}

/** Where the rows of a page are among all of them, and the way to the others. */
export function pager<T>(page: Page<T>, path: string, query: URLSearchParams, noun: string): Html {
  const { number, pages, all } = page;
  if (pages === 1) return html`<p class="mute">${count(all, noun)}</p>`;
  const to = (target: number): string => withQuery(path, query, { page: String(target) });
  return html`<nav class="pager" aria-label="Pages of ${noun}"><span class="mute">${count(all, noun)}, page ${number} of ${pages}</span>
${number > 1 ? html`<a rel="prev" href="${to(number - 1)}">Previous</a>` : ""}
${number < pages ? html`<a rel="next" href="${to(number + 1)}">Next</a>` : ""}</nav>`;
}

/** The field that searches a list, in a form; `chosen`: names in the URL whose choices stay. */
export function searchField(query: URLSearchParams, label: string, hint: string, chosen: readonly string[]): Html {
  const kept = chosen.flatMap((name) => {
    const value = textIn(query, name);
    return value === undefined ? [] : html`<input type="hidden" name="${name}" value="${value}">`;
  });
  return html`<label class="hidden" for="q">${label}</label><input id="q" name="q" type="search" maxlength="300" value="${textIn(query, "q") ?? ""}" placeholder="${hint}">
${kept}
<button type="submit">Search</button>`;
}

/** Choices of one kind that are shown; the others are found by the search. */
const MOST_FACETS = 12;

export interface Facets<T extends string> {
  /** In the URL. */
  readonly name: string;
  /** The values, and how many rows have each. */
  readonly values: readonly (readonly [T, number | undefined])[];
  readonly chosen: T | undefined;
  /** The page's URL with other values. */
  to(changes: Readonly<Record<string, string | undefined>>): string;
  readonly word?: (value: T) => string;
}

/** The choices of one kind. */
export function facets<T extends string>({ name, values, chosen, to, word = String }: Facets<T>): readonly Html[] {
  return values
    .slice(0, MOST_FACETS)
    .map(([value, many]) => facet(word(value), many, to({ [name]: chosen === value ? undefined : value }), chosen === value));
}

/** A choice that is in the URL: it takes itself out when it is chosen. */
export function facet(label: string, amount: number | undefined, href: string, isChosen: boolean): Html {
  const number = amount === undefined ? "" : html` <span class="mute">${amount}</span>`;
  return isChosen
    ? html`<a class="tag on" aria-current="true" href="${href}">${clip(label, 60)}${number}<span class="hidden"> (chosen; take it out)</span></a>`
    : html`<a class="tag" href="${href}">${clip(label, 60)}${number}</a>`;
}
