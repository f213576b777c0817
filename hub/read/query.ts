import type { FilterKey } from "../../model/filter.ts";

/** Characters of a value in the query of a page's URL. Longer ones are cut: nothing that is there is longer. */
const MAX_VALUE = 300;
/** Rows of a page. */
const PAGE_ROWS = 100;

/** The value of a name in a page's URL. `undefined`: it is not there, or empty, as a form sends what nobody chose. */
export function textIn(query: URLSearchParams, name: string): string | undefined {
  const value = query.get(name)?.trim().slice(0, MAX_VALUE);
  return value === "" ? undefined : value;
}

/** As `textIn`, where it is one of these. */
export function choiceIn<T extends string>(query: URLSearchParams, name: string, choices: readonly T[]): T | undefined {
  const value = query.get(name);
  return choices.find((choice) => choice === value);
}

/** A page of rows. */
export interface Page<T> {
  readonly rows: readonly T[];
  /** From 1. */
  readonly number: number;
  readonly pages: number;
  /** Of all pages. */
  readonly all: number;
}

/** The page that the URL asks for by `page`; the last one where there are fewer. */
export function pageIn<T>(query: URLSearchParams, rows: readonly T[]): Page<T> {
  const pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
  const asked = /^[1-9]\d{0,6}$/.test(query.get("page") ?? "") ? Number(query.get("page")) : 1;
  const number = Math.min(asked, pages);
  return { rows: rows.slice((number - 1) * PAGE_ROWS, number * PAGE_ROWS), number, pages, all: rows.length };
}

const NAMESPACE = /^[a-z0-9][a-z0-9-]{0,62}$/;
const NAME = /^[a-z0-9][a-z0-9.-]{0,252}$/;

/** The filter that a path names. `undefined`: no filter can have such a name, and a path of an API would lead elsewhere by it. */
export function filterKeyIn({ namespace = "", name = "" }: Readonly<Record<string, string>>): FilterKey | undefined {
  return NAMESPACE.test(namespace) && NAME.test(name) ? { namespace, name } : undefined;
}

/** The name in a path of what is in no namespace. `undefined`: nothing can have such a name. */
export function nameIn({ name = "" }: Readonly<Record<string, string>>): string | undefined {
  return NAME.test(name) ? name : undefined;
}

export function filterPath(namespace: string, name: string): string {
  return `/filters/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
}

/** The same page's URL with other values; `undefined` takes one out, and the number of the page with it. */
export function withQuery(path: string, query: URLSearchParams, changes: Readonly<Record<string, string | undefined>>): string {
  const next = new URLSearchParams([...query].filter(([name, value]) => name !== "page" && value !== ""));
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  return text === "" ? path : `${path}?${text}`;
}
