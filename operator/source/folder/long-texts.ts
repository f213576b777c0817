import { CST, type Document, isScalar, Scalar, visit } from "yaml";
import { FirstError } from "./composer.ts";
import type { Steps } from "./steps.ts";

type Quoted = CST.FlowScalar;

/** Texts in double quotes beyond this are composed in pieces, in characters. */
const LONG = 1024;
/** What the library makes of a piece on the way is garbage before the next. */
const PIECE = 4 * 1024;
/** Characters of an escape after its backslash: https://yaml.org/spec/1.2.2/#57-escaped-characters. */
const ESCAPE: Readonly<Record<string, number>> = { x: 3, u: 5, U: 9 };
const LONGEST_ESCAPE = 10;
const INK = /[^ \t\r\n]/g;

/**
 * Takes the long texts in double quotes out of a document that is not composed yet: the library composes them a character at a time, in one go, which for 1.5 MB holds the
 * event loop up for 0.1 s. What they say goes into `texts` by their place, and with `putBack` into the composed document. Throws `FirstError`.
 */
export function* takeOut(token: CST.Document, texts: Map<number, string>): Steps<void> {
  for (const quoted of longTexts(token)) {
    texts.set(quoted.offset, yield* resolve(quoted));
    quoted.source = blank(quoted.source);
  }
}

/** In their order. The library's own `visit` copies the path to each token, which for 10,000 maps in each other is 400 MB. */
function longTexts({ start, value }: CST.Document): Quoted[] {
  const found: Quoted[] = [];
  const items: CST.CollectionItem[] = value === undefined ? [] : [{ start, value }];
  for (let item = items.pop(); item !== undefined; item = items.pop()) {
    // A tag makes something else of the text.
    const isTagged = item.start.concat(item.sep ?? []).some(({ type }) => type === "tag");
    for (const token of [item.key, item.value]) {
      if (token?.type === "double-quoted-scalar" && token.source.length > LONG && !isTagged) found.push(token);
      if (CST.isCollection(token)) for (const each of token.items) items.push(each);
    }
  }
  return found.sort((a, b) => a.offset - b.offset);
}

/** As long, on one line or several as it was: places and rules for keys depend on both. The library takes white space as a whole. */
function blank(source: string): string {
  return `"${" ".repeat(source.length - 3)}${source.includes("\n") ? "\n" : " "}"`;
}

export function putBack(document: Document, texts: ReadonlyMap<number, string>): void {
  if (texts.size === 0) return;
  visit(document, (_, node) => {
    if (!isScalar(node) || node.type !== Scalar.QUOTE_DOUBLE) return;
    const text = texts.get(node.range?.[0] ?? -1);
    if (text !== undefined) node.value = node.source = text;
  });
}

/** The text in one place of memory. The library adds characters to it, and V8 keeps each sum, 32 bytes a character, until somebody asks for a character. */
function flat(text: string): string {
  text.charCodeAt(0);
  return text;
}

function throwFirst(at: number, _code: string, message: string): never {
  throw new FirstError(at, message);
}

function* resolve({ offset, source, type }: Quoted): Steps<string> {
  const parts: string[] = [];
  // The first quote is none of a piece.
  for (let from = 1; from < source.length; ) {
    const end = from + PIECE < source.length ? cut(source, from, from + PIECE) : source.length;
    const piece = source.slice(from, end) + (end === source.length ? "" : '"');
    const token = { type, offset: offset + from - 1, source: `"${piece}`, indent: 0 } as const;
    parts.push(flat(CST.resolveAsScalar(token, true, throwFirst).value));
    from = end;
    yield;
  }
  return parts.join("");
}

/** The place near `at` where a text can be cut: in no escape, and not before white space, which is folded or not by what comes after it. */
function cut(source: string, from: number, at: number): number {
  const begin = escapeOver(source, from, at);
  if (begin !== undefined) return begin;
  INK.lastIndex = at;
  return INK.exec(source)?.index ?? source.length;
}

/** Where the escape begins that `at` is in the middle of. */
function escapeOver(source: string, from: number, at: number): number | undefined {
  for (let place = at - 1; place >= Math.max(from, at - LONGEST_ESCAPE); place--) {
    if (source[place] !== "\\") continue;
    let first = place;
    while (first > from && source[first - 1] === "\\") first--;
    // Of a run of backslashes each second one is what the one before it escapes.
    const begins = (place - first) % 2 === 0 ? place : place - 1;
    const length = 1 + (ESCAPE[source[begins + 1] ?? ""] ?? 1);
    return begins > from && begins + length > at ? begins : undefined;
  }
  return undefined;
}
