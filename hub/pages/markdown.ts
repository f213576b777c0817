import { raw } from "hono/html";
import MarkdownIt from "markdown-it";
import { setBounded } from "../../base/bounded-map.ts";
import { createPause } from "../../base/pause.ts";
import { type Html, html } from "./html.ts";

/**
 * Markup of strangers: HTML in it is text. Depth is bounded, and so is the text of one paragraph that is looked through for emphasis and links, for that takes time
 * that grows with its square.
 */
const reader = new MarkdownIt("commonmark", { html: false, maxNesting: 20 }).enable(["table", "strikethrough"]).disable("inline");
const MAX_INLINE = 2_048;

type Token = ReturnType<typeof reader.parse>[number];

/** Elements that a document may have, by the name of the token without `_open` and `_close`. */
const ELEMENTS: Readonly<Record<string, string>> = {
  paragraph: "p",
  bullet_list: "ul",
  ordered_list: "ol",
  list_item: "li",
  blockquote: "blockquote",
  table: "table",
  thead: "thead",
  tbody: "tbody",
  tr: "tr",
  td: "td",
  em: "em",
  strong: "strong",
  s: "s",
};

/** Printed READMEs, for a page is printed again at each change. */
const printed = new Map<string, Html>();
const MAX_PRINTED = 16;

/** Markdown as markup of these elements alone. Links lead to http, https and mail addresses; pictures are links to them: nothing is loaded. `below`: the heading over it, 1 to 5. */
export async function markdown(text: string, below: number): Promise<Html> {
  const key = `${below}${text}`;
  const known = printed.get(key);
  if (known !== undefined) return known;
  const made = await print(text, below);
  void setBounded(printed, key, made, MAX_PRINTED);
  return made;
}

async function print(text: string, below: number): Promise<Html> {
  const printer = new Printer(below);
  const env = {};
  const tokens = reader.parse(text, env);
  const pause = createPause();
  for (const token of tokens) {
    await pause();
    if (token.type !== "inline") printer.block(token);
    else if (token.content.length > MAX_INLINE) printer.text(token.content);
    else {
      const children: Token[] = [];
      reader.inline.parse(token.content, reader, env, children);
      printer.inline(children);
    }
  }
  return html`${raw(printer.markup)}`;
}

class Printer {
  markup = "";
  private level: number;
  /** The element of the heading or cell that is open. */
  private readonly open: string[] = [];
  private isInLink = false;

  constructor(below: number) {
    this.level = below;
  }

  block(token: Token): void {
    const name = token.type.replace(/_(open|close)$/, "");
    if (name === "heading") this.element(token.nesting, () => this.headingOf(Number(token.tag.slice(1))));
    else if (name === "th") this.element(token.nesting, () => "td");
    else if (name === "fence" || name === "code_block") this.markup += `<pre><code>${escaped(token.content)}</code></pre>\n`;
    else if (name === "hr") this.markup += "<hr>\n";
    else if (name === "html_block") this.text(token.content);
    else {
      const element = ELEMENTS[name];
      if (element !== undefined) this.element(token.nesting, () => element, name === "ordered_list" ? startOf(token) : "");
    }
  }

  inline(tokens: readonly Token[]): void {
    for (const token of tokens) {
      const name = token.type.replace(/_(open|close)$/, "");
      if (name === "link") this.link(token);
      else if (name === "image") this.image(token);
      else if (name === "code_inline") this.markup += `<code>${escaped(token.content)}</code>`;
      else if (name === "softbreak") this.markup += "\n";
      else if (name === "hardbreak") this.markup += "<br>";
      else if (ELEMENTS[name] !== undefined) this.markup += `<${token.nesting < 0 ? "/" : ""}${ELEMENTS[name]}>`;
      else this.text(token.content);
    }
  }

  text(content: string): void {
    this.markup += escaped(content);
  }

  private element(nesting: number, name: () => string, attributes = ""): void {
    if (nesting > 0) {
      const element = name();
      this.open.push(element);
      this.markup += `<${element}${attributes}>`;
    } else this.markup += `</${this.open.pop()}>\n`;
  }

  /** No level is left out: readers go from heading to heading. */
  private headingOf(level: number): string {
    this.level = Math.min(this.level + 1, level + 2, 6);
    return `h${this.level}`;
  }

  private link(token: Token): void {
    const url = token.nesting > 0 ? addressOf(token.attrGet("href")) : undefined;
    if (url !== undefined) {
      this.markup += anchor(url);
      this.isInLink = true;
    } else if (token.nesting < 0 && this.isInLink) {
      this.markup += "</a>";
      this.isInLink = false;
    }
  }

  private image(token: Token): void {
    const url = this.isInLink ? undefined : addressOf(token.attrGet("src"));
    const words = escaped(token.content === "" ? "picture" : token.content);
    this.markup += url === undefined ? words : `${anchor(url)}${words}</a>`;
  }
}

function anchor(url: string): string {
  return `<a href="${escaped(url)}" rel="nofollow noopener noreferrer">`;
}

/** An address that a person may follow. `undefined`: a script, or a place in a source tree that is not here. */
function addressOf(text: string | number | null): string | undefined {
  const url = typeof text === "string" ? URL.parse(text) : null;
  return url !== null && ["https:", "http:", "mailto:"].includes(url.protocol) ? url.href : undefined;
}

function startOf(token: Token): string {
  const start = Number(token.attrGet("start") ?? 1);
  return Number.isSafeInteger(start) && start !== 1 ? ` start="${start}"` : "";
}

function escaped(text: string): string {
  return html`${text}`.toString();
}
