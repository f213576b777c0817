import { CST, type Document, isPair, isScalar, Lexer, LineCounter, Parser, visit } from "yaml";
import { fail, ok, type Result } from "../../../model/result.ts";
import { createComposer, FirstError } from "./composer.ts";
import { putBack, takeOut } from "./long-texts.ts";
import type { Steps } from "./steps.ts";

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
/** Most text of one document in quotes, in characters. A Secret has 1 MiB at most, 1.4 MiB in base64. */
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

/**
 * The documents of a YAML text. Tokens are counted before anything is made of them. Fails with reason `InvalidManifest`, the line and what is wrong
 * there; the message never quotes the text.
 */
export function* readYaml(text: string): Steps<Result<ManifestDocument[]>> {
  const lines = new LineCounter();
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  const documents = createDocuments(lines);
  try {
    const count = createCount();
    let seen = 0;
    for (const lexeme of new Lexer().lex(text)) {
      const beyond = count.add(lexeme);
      if (beyond !== undefined) return fail("InvalidManifest", `line ${lines.linePos(count.startsAt).line}: ${beyond}`);
      for (const token of parser.next(lexeme)) {
        const taken = yield* documents.take(token);
        if (!taken.ok) return taken;
      }
      if (++seen % TOKENS_A_STEP === 0) yield;
    }
    for (const token of parser.end()) {
      const taken = yield* documents.take(token);
      if (!taken.ok) return taken;
    }
    return documents.end();
  } catch (error) {
    if (error instanceof FirstError) return notYaml(error, lines);
    // The parser recurses.
    if (error instanceof RangeError) return fail("InvalidManifest", TOO_DEEP);
    throw error;
  }
}

/** Makes documents of tokens. */
function createDocuments(lines: LineCounter) {
  const composer = createComposer();
  const documents: ManifestDocument[] = [];
  /** Long texts that were taken out of documents, by their place in the whole text. */
  const texts = new Map<number, string>();
  const read = (composed: Iterable<Document>): Result<void> => {
    for (const document of composed) {
      putBack(document, texts);
      const value = toValue(document, lines);
      if (!value.ok) return value;
      documents.push(value.value);
    }
    return ok(undefined);
  };
  return {
    *take(token: CST.Token): Steps<Result<void>> {
      if (token.type === "document") yield* takeOut(token, texts);
      return read(composer.next(token));
    },
    end(): Result<ManifestDocument[]> {
      const last = read(composer.end());
      return last.ok ? ok(documents) : last;
    },
  };
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
      if (isMark && isQuote(lexeme)) quoted += lexeme.length;
      if (quoted > MAX_QUOTED) return `${beyond("characters in quotes", MAX_QUOTED)}; write long texts as blocks (|)`;
      this.tokens += 1 + (isMark && !isQuote(lexeme) ? 0 : lineBreaks(lexeme));
      if (this.tokens > MAX_TOKENS) return `${beyond("tokens (names, values, marks, comments, line breaks)", MAX_TOKENS)}; ${SMALLER}`;
      if (depth > MAX_FLOW_DEPTH) return TOO_DEEP;
      if (aliases > MAX_ALIASES) return `${beyond("anchors and aliases", MAX_ALIASES)}; write out what they stand for`;
      return undefined;
    },
  };
}

function isQuote(lexeme: string): boolean {
  return lexeme.startsWith('"') || lexeme.startsWith("'");
}

/** In a text each line is looked at by itself. */
function lineBreaks(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count++;
  return count;
}

function beyond(what: string, bound: number): string {
  return `the document that starts here has more than ${bound.toLocaleString("en")} ${what}`;
}

function toValue(document: Document, lines: LineCounter): Result<ManifestDocument> {
  const [error] = document.errors;
  const wrong = error === undefined ? repeatedKey(document) : { at: error.pos[0], message: error.message };
  if (wrong !== undefined) return notYaml(wrong, lines);
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

/** What is wrong, and where in the text. */
type Wrong = Pick<FirstError, "at" | "message">;

function notYaml({ at, message }: Wrong, lines: LineCounter): Result<never> {
  const { line, col } = lines.linePos(at);
  return fail("InvalidManifest", `line ${line}, column ${col}: not YAML: ${withoutQuotes(message)}`);
}

/** The first name that a map has twice: https://yaml.org/spec/1.2.2/#mapping. */
function repeatedKey(document: Document): Wrong | undefined {
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
  return at === undefined ? undefined : { at, message: "Map keys must be unique" };
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
