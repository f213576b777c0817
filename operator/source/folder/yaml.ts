import { Composer, CST, type Document, isPair, isScalar, Lexer, LineCounter, Parser, visit } from "yaml";
import { fail, ok, type Result } from "../../../model/result.ts";

/** One document of a manifest. */
export interface ManifestDocument {
  readonly value: unknown;
  /** Where it starts, from 1. */
  readonly line: number;
}

/** Most tokens of one document: about 12,000 names with values. They are composed in one go, some 50 ms. */
export const MAX_TOKENS = 100_000;
/** Most anchors and aliases of one document. The time for each grows with the document. */
const MAX_ALIASES = 1_000;
/** Most text of one document in quotes, in characters. It is composed a character at a time. A Secret has 1 MiB at most, 1.4 MiB in base64. */
const MAX_QUOTED = 2 * 1024 * 1024;
/** Deepest nesting of brackets that is read at all; an object may be nested less deeply. */
const MAX_FLOW_DEPTH = 1_000;
/** Most names that the merges (`<<`) of one document may copy: its merges times its largest map with an anchor. */
const MAX_MERGED = 100_000;
const MERGE = "<<";
const TOKENS_A_STEP = 256;

const SMALLER = "split it, or write the configuration as a string";
const TOO_DEEP = "nested too deeply; make it flatter, or write the configuration as a string";
const BAD_ALIASES = "an alias of the document that starts here has no anchor, or it has too many aliases";

/** Work that can be left and taken up again at each `yield`. */
export type Steps<T> = Generator<undefined, T>;

/**
 * The documents of a YAML text. Tokens are counted before anything is made of them. Fails with reason `InvalidManifest`, the line and what is wrong
 * there; the message never quotes the text.
 */
export function* readYaml(text: string): Steps<Result<ManifestDocument[]>> {
  const lines = new LineCounter();
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  // The library compares each key of a map with all others, and its warnings quote the text.
  const composer = new Composer({ prettyErrors: false, merge: true, uniqueKeys: false, logLevel: "error" });
  const documents: ManifestDocument[] = [];
  const take = (composed: Iterable<Document>): Result<void> => {
    for (const document of composed) {
      const read = toValue(document, lines);
      if (!read.ok) return read;
      documents.push(read.value);
    }
    return ok(undefined);
  };
  try {
    const count = createCount();
    let seen = 0;
    for (const lexeme of new Lexer().lex(text)) {
      const beyond = count.add(lexeme);
      if (beyond !== undefined) return fail("InvalidManifest", `line ${lines.linePos(count.startsAt).line}: ${beyond}`);
      for (const token of parser.next(lexeme)) {
        const taken = take(composer.next(token));
        if (!taken.ok) return taken;
      }
      if (++seen % TOKENS_A_STEP === 0) yield;
    }
    for (const token of parser.end()) {
      const taken = take(composer.next(token));
      if (!taken.ok) return taken;
    }
    const taken = take(composer.end());
    if (!taken.ok) return taken;
    return ok(documents);
  } catch (error) {
    // The parser recurses.
    if (error instanceof RangeError) return fail("InvalidManifest", TOO_DEEP);
    throw error;
  }
}

/** Counts what one document is made of, from the pieces that https://eemeli.org/yaml/#lexer gives. */
interface Count {
  tokens: number;
  /** Where the document starts in the text. */
  startsAt: number;
  /** Why the document is not composed; `undefined`: it is within the bounds so far. */
  add(lexeme: string): string | undefined;
}

function createCount(): Count {
  let offset = 0;
  let aliases = 0;
  let depth = 0;
  let quoted = 0;
  let isText = false;
  return {
    tokens: 0,
    startsAt: 0,
    add(lexeme) {
      const isMark = !isText;
      isText = lexeme === CST.SCALAR;
      const isEmpty = isMark && (isText || lexeme === CST.DOCUMENT || lexeme === CST.FLOW_END);
      if (isMark && (lexeme === CST.DOCUMENT || lexeme === "---")) {
        this.tokens = 0;
        aliases = 0;
        depth = 0;
        quoted = 0;
        this.startsAt = offset;
      }
      if (!isEmpty) offset += lexeme.length;
      if (isMark && (lexeme.startsWith("&") || lexeme.startsWith("*"))) aliases++;
      if (isMark && (lexeme === "[" || lexeme === "{")) depth++;
      if (isMark && (lexeme === "]" || lexeme === "}")) depth--;
      if (isMark && (lexeme.startsWith('"') || lexeme.startsWith("'"))) quoted += lexeme.length;
      if (quoted > MAX_QUOTED) return `${beyond("characters in quotes", MAX_QUOTED)}; write long texts as blocks (|)`;
      if (++this.tokens > MAX_TOKENS) return `${beyond("tokens (names, values, marks, comments, line breaks)", MAX_TOKENS)}; ${SMALLER}`;
      if (depth > MAX_FLOW_DEPTH) return TOO_DEEP;
      if (aliases > MAX_ALIASES) return `${beyond("anchors and aliases", MAX_ALIASES)}; write out what they stand for`;
      return undefined;
    },
  };
}

function beyond(what: string, bound: number): string {
  return `the document that starts here has more than ${bound.toLocaleString("en")} ${what}`;
}

function toValue(document: Document, lines: LineCounter): Result<ManifestDocument> {
  const [error] = document.errors;
  const wrong = error === undefined ? repeatedKey(document) : { at: error.pos[0], why: withoutQuotes(error.message) };
  if (wrong !== undefined) {
    const { line, col } = lines.linePos(wrong.at);
    return fail("InvalidManifest", `line ${line}, column ${col}: not YAML: ${wrong.why}`);
  }
  const { line } = lines.linePos(document.contents?.range?.[0] ?? 0);
  if (merged(document) > MAX_MERGED) {
    return fail("InvalidManifest", `line ${line}: ${beyond("names to copy by its merges", MAX_MERGED)}; write out what they stand for`);
  }
  try {
    return ok({ value: document.toJS(), line });
  } catch (thrown) {
    if (thrown instanceof RangeError) throw thrown;
    // Only an alias can still throw: one without its anchor, or too many of them (a bomb).
    return fail("InvalidManifest", `line ${line}: ${BAD_ALIASES}`);
  }
}

/** The first name that a map has twice: https://yaml.org/spec/1.2.2/#mapping. */
function repeatedKey(document: Document): { readonly at: number; readonly why: string } | undefined {
  let at: number | undefined;
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) {
          at = key.range?.[0] ?? 0;
          return visit.BREAK;
        }
        seen.add(key.value);
      }
      return undefined;
    },
  });
  return at === undefined ? undefined : { at, why: "Map keys must be unique" };
}

/** At most how many names the merges of a document copy: https://yaml.org/type/merge.html. */
function merged(document: Document): number {
  let merges = 0;
  let largest = 0;
  visit(document, {
    Alias(key, _, path) {
      const parent = key === "value" ? path.at(-1) : path.at(-2);
      if (isPair(parent) && isScalar(parent.key) && String(parent.key.source ?? parent.key.value) === MERGE) merges++;
    },
    Map(_, { anchor, items }) {
      if (anchor !== undefined) largest = Math.max(largest, items.length);
    },
  });
  return merges * largest;
}

/** The parser quotes the offending token at the end of some messages. */
function withoutQuotes(message: string): string {
  if (message.startsWith("Maximum call stack")) return TOO_DEEP;
  return message.replace(/:? *["'`][\s\S]*$/, "").replace(/^Missing closing$/, "Missing closing quote");
}
