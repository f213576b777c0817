import { clip, escapeOutput } from "../../base/text.ts";
import type { Assets } from "../assets.ts";
import { type Html, html } from "./html.ts";

/** The pages that every page leads to. */
const PAGES = [
  ["/", "Overview"],
  ["/filters", "Filters"],
  ["/fleet", "Fleet"],
  ["/compare", "Compare"],
  ["/catalog", "Catalog"],
  ["/history", "History"],
] as const;

export type Section = (typeof PAGES)[number][0];

export interface PageParts {
  readonly title: string;
  /** The page of the navigation that this one belongs to. */
  readonly section?: Section;
  readonly main: Html;
  /** Milliseconds since the epoch: the moment of what is shown. */
  readonly at: number;
  /** Something has changed since, or may have: a page that is open asks again soon. */
  readonly isBehind?: boolean;
  /** It stays as it was made: what a person reads before they act may not change under their hands. */
  readonly isStill?: boolean;
  /** Who looks; empty: nobody has signed in. Absent: nobody can. */
  readonly who?: string;
}

/**
 * A whole page. What would act on a reader instead of being shown (characters that reorder text, controls) is escaped here, wherever it came from:
 * strangers write names, labels and messages.
 */
export async function printPage(parts: PageParts, { style, script }: Assets): Promise<string> {
  const { title, section, main, at, isBehind = false, isStill = false, who } = parts;
  const page = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${title} · Weir</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${style.path}">
${isStill ? "" : html`<script type="module" src="${script.path}"></script>`}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top"><a class="home" href="/">Weir</a>
<nav aria-label="Pages">${PAGES.map(([href, name]) => link(href, name, section))}</nav>
<form class="search" role="search" action="/search"><input name="q" type="search" maxlength="300" aria-label="Search filters, proxies and digests" placeholder="filter, proxy or digest" accesskey="s"><kbd aria-hidden="true">/</kbd></form>
<p class="live"><time datetime="${new Date(at).toISOString()}">${new Date(at).toISOString().slice(11, 19)}</time> UTC</p>${who === undefined ? "" : whoLink(who)}</header>
<main id="main" tabindex="-1"${isBehind ? html` data-behind` : ""}>${main}</main>
</body>
</html>
`;
  return escapeOutput(page.toString(), false);
}

function whoLink(who: string): Html {
  return html`<a class="who" href="/me">${who === "" ? "Sign in" : clip(who, 40)}</a>`;
}

function link(href: string, name: string, section: Section | undefined): Html {
  return href === section ? html`<a href="${href}" aria-current="page">${name}</a>` : html`<a href="${href}">${name}</a>`;
}
