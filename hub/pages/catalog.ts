import type { ImageDescription } from "../../model/catalog.ts";
import { ownerOf, ownerPath, type RepositoryQuery, type RepositoryRow, repositoryPath, selectRepositories } from "../read/catalog.ts";
import { choiceIn, pageIn, textIn, withQuery } from "../read/query.ts";
import { tally } from "../read/rows.ts";
import { tagOrDigestOf } from "../read/tags.ts";
import { type Html, html } from "./html.ts";
import { ago, facet, facets, filterLink, pager, searchField, tablePanel, words } from "./pieces.ts";

const PATH = "/catalog";
const CHOICES = ["keyword", "licence", "used"] as const;

/** The repositories that are chosen to be shown, and those that filters have; with `owner`, those below it. */
export function catalogPage(rows: readonly RepositoryRow[], query: URLSearchParams, now: number, owner?: string): Html {
  const path = owner === undefined ? PATH : ownerPath(owner);
  const among = selectRepositories(rows, { owner });
  const asked = queryOf(query);
  const page = pageIn(query, selectRepositories(among, asked));
  return html`${owner === undefined ? html`<h1>Catalog</h1>` : html`<p class="crumb"><a href="${PATH}">Catalog</a></p><h1>${owner}</h1>`}
${chooser(among, asked, query, path)}
${repositoryTable(page.rows, now)}
${pager(page, path, query, "repository")}
${among.some(({ look }) => look !== undefined) ? "" : html`<p class="mute">No registry is read: <code>weir serve --catalog REGISTRY/REPOSITORY</code> shows what is there.</p>`}`;
}

function queryOf(query: URLSearchParams): RepositoryQuery {
  return {
    q: textIn(query, "q"),
    keyword: textIn(query, "keyword"),
    licence: textIn(query, "licence"),
    used: choiceIn(query, "used", ["yes", "no"]),
  };
}

function chooser(rows: readonly RepositoryRow[], asked: RepositoryQuery, query: URLSearchParams, path: string): Html {
  const to = (changes: Readonly<Record<string, string | undefined>>): string => withQuery(path, query, changes);
  const described = rows.flatMap(({ look }) => (look?.value === undefined ? [] : [look.value.description]));
  const keywords = tally(described.flatMap(({ keywords }) => keywords));
  const licences = tally(described.flatMap(({ licence }) => (licence === undefined ? [] : [licence])));
  const used = tally(rows.map(({ usage }) => (usage.uses.length > 0 ? "yes" : "no")));
  const choices = [
    ["keyword", "keyword", keywords, asked.keyword, String],
    ["licence", "licence", licences, asked.licence, String],
    ["use", "used", used, asked.used, (value: string) => (value === "yes" ? "used here" : "not used here")],
  ] as const;
  return html`<form class="row" action="${path}">${searchField(query, "Search these repositories", "name, title, description or keyword", CHOICES)}</form>
<p class="row facets">${choices.map(([label, name, values, chosen, word]) =>
    values.length === 0 ? "" : html`<span class="mute">${label}</span>${facets({ name, values, chosen, to, word })}`,
  )}</p>`;
}

function repositoryTable(rows: readonly RepositoryRow[], now: number): Html {
  if (rows.length === 0) return html`<p class="panel mute">No repository is like that.</p>`;
  const shown = rows.map(
    (
      row,
    ) => html`<tr id="repository-${row.name}"><th scope="row">${repositoryLink(row.name)}</th><td class="wide">${summary(row)}</td><td>${
      row.look?.value?.description.licence === undefined ? "" : words(row.look.value.description.licence, 40)
    }</td><td>${newest(row)}</td><td class="wide">${users(row)}</td><td class="mute">${row.look === undefined ? "" : ago(row.look.at, now)}</td></tr>
`,
  );
  return tablePanel(["Repository", "What it is", "Licence", "Newest", "Used by", "Read"], shown);
}

/** The owner's part leads to the owner. */
export function repositoryLink(name: string): Html {
  const owner = ownerOf(name);
  const rest = owner === undefined ? name : name.slice(owner.length + 1);
  return html`${owner === undefined ? "" : html`<a class="mute" href="${ownerPath(owner)}">${owner}</a>/`}<a href="${repositoryPath(name)}"><b>${rest}</b></a>`;
}

function summary({ isShown, look }: RepositoryRow): Html {
  if (!isShown) return html`<span class="mute">filters name it; its registry is not read for the catalog</span>`;
  if (look?.value === undefined)
    return look?.problem === undefined
      ? html`<span class="mute">is being read; load the page again</span>`
      : html`<span class="bad">${words(look.problem, 300)}</span>`;
  const { description } = look.value;
  return html`${deprecated(description)}${description.title === undefined ? "" : html`<b>${words(description.title, 80)}</b> `}${words(description.text ?? "", 240)} ${keywordLinks(description)}${
    look.problem === undefined ? "" : html` <span class="bad">${words(look.problem, 200)}</span>`
  }`;
}

export function deprecated({ isDeprecated }: ImageDescription): Html | "" {
  return isDeprecated ? html`<span class="tag bad">deprecated</span> ` : "";
}

export function keywordLinks({ keywords }: ImageDescription): readonly Html[] {
  return keywords.map((keyword) => html`${facet(keyword, undefined, withQuery(PATH, new URLSearchParams(), { keyword }), false)} `);
}

function newest({ look, usage }: RepositoryRow): Html {
  if (look?.value !== undefined) return html`<b>${words(look.value.tag, 40)}</b>`;
  const [last] = usage.had;
  return last === undefined ? html`` : html`<span class="mute">had ${words(tagOrDigestOf(last.item.image), 40)}</span>`;
}

const MOST_USERS = 5;

function users({ usage: { uses } }: RepositoryRow): Html {
  const more = uses.length - MOST_USERS;
  return html`${uses.slice(0, MOST_USERS).map(({ namespace, name }) => html`${filterLink(namespace, name)} `)}${more > 0 ? html`<span class="mute">and ${more} more</span>` : ""}`;
}
