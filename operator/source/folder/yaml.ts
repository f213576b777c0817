import { CST, type Document, LineCounter, Parser } from "yaml";
import { fail, ok, type Result } from "../../../model/result.ts";
import { createComposer, FirstError } from "./composer.ts";
import { createLexer } from "./lexer.ts";
import { putBack, takeOut } from "./long-texts.ts";
import type { Steps } from "./steps.ts";
import { documentValue, WrongValue } from "./values.ts";
import { createYamlOne, findBad, withLineBreaks } from "./yaml-one.ts";

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
const TOKENS_A_STEP = 256;

const SMALLER = "split it, or write the configuration as a string";
const TOO_DEEP = "nested too deeply; make it flatter, or write the configuration as a string";

/**
 * The documents of a YAML text. Tokens are counted before anything is made of them. Fails with reason `InvalidManifest`, the line and what is wrong
 * there; the message never quotes the text.
 */
export function* readYaml(manifest: string): Steps<Result<ManifestDocument[]>> {
  const text = withLineBreaks(manifest);
  const lines = new LineCounter();
  lines.addNewLine(0);
  const bad = findBad(text);
  if (bad !== undefined) return fail("InvalidManifest", `line ${lineAt(text, bad.at)}: ${bad.message}`);
  const parser = new Parser(lines.addNewLine);
  const documents = createDocuments(lines);
  try {
    const count = createCount();
    const rules = createYamlOne();
    let seen = 0;
    for (const lexeme of createLexer().lex(text)) {
      const beyond = count.add(lexeme);
      if (beyond !== undefined) return fail("InvalidManifest", `line ${lines.linePos(count.startsAt).line}: ${beyond}`);
      const refused = rules.add(lexeme);
      if (refused !== undefined) return fail("InvalidManifest", `line ${lineAt(text, count.at)}: ${refused}`);
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
    return yield* documents.end();
  } catch (error) {
    if (error instanceof FirstError) return wrong(error, lines);
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
  /** The last document was ended by `...`. */
  let isEnded = false;
  const lineOf = (token: { readonly offset: number }) => lines.linePos(token.offset).line;
  function* read(composed: Iterable<Document>): Steps<Result<void>> {
    for (const document of composed) {
      // Composing took its time already.
      yield;
      putBack(document, texts);
      const value = toValue(document, lines);
      if (!value.ok) return value;
      documents.push(value.value);
    }
    return ok(undefined);
  }
  return {
    *take(token: CST.Token): Steps<Result<void>> {
      if (token.type === "directive")
        return fail("InvalidManifest", `line ${lineOf(token)}: a directive (%); take it away, kubectl reads none`);
      if (token.type === "doc-end") isEnded = true;
      if (token.type === "document") {
        if (isEnded && !token.start.some(({ type }) => type === "doc-start"))
          return fail("InvalidManifest", `line ${lineOf(token)}: after ... begins a document with --- on a line of its own`);
        isEnded = false;
        yield* takeOut(token, texts);
        // It is composed in one go.
        yield;
      }
      return yield* read(composer.next(token));
    },
    *end(): Steps<Result<ManifestDocument[]>> {
      const last = yield* read(composer.end());
      return last.ok ? ok(documents) : last;
    },
  };
}

/** Counts what one document is made of, from the pieces that https://eemeli.org/yaml/#lexer gives. */
interface Count {
  tokens: number;
  /** Where the document starts in the text. */
  startsAt: number;
  /** Where the last piece starts. */
  at: number;
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
    at: 0,
    add(lexeme) {
      this.at = offset;
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

/** From 1. */
function lineAt(text: string, at: number): number {
  return 1 + lineBreaks(text.slice(0, at));
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
  if (error !== undefined) return wrong(new FirstError(error.pos[0], error.message), lines);
  const { line } = lines.linePos(document.contents?.range?.[0] ?? 0);
  return ok({ value: documentValue(document), line });
}

function wrong(error: FirstError, lines: LineCounter): Result<never> {
  const { line, col } = lines.linePos(error.at);
  const what = error instanceof WrongValue ? error.message : `not YAML: ${withoutQuotes(error.message)}`;
  return fail("InvalidManifest", `line ${line}, column ${col}: ${what}`);
}

/** The parser quotes the offending token at the end of some messages. */
function withoutQuotes(message: string): string {
  if (message.startsWith("Maximum call stack")) return TOO_DEEP;
  return message.replace(/:? *["'`][\s\S]*$/, "").replace(/^Missing closing$/, "Missing closing quote");
}
