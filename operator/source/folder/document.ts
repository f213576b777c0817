import { isDeepStrictEqual } from "node:util";
import { CST, type Document, isCollection, isMap, isScalar, type Pair, Parser, parseDocument, Scalar, visit, type YAMLMap } from "yaml";
import { printExactJson } from "../../../model/exact-json.ts";
import { AS_TEXTS, placedScalar } from "./composer.ts";
import { resolveScalar } from "./scalar.ts";
import { withEscapes } from "./yaml-one.ts";

/** A YAML file split into its documents, so that one can change and the others keep every byte. */
export interface YamlFile {
  /** Texts of the documents, each with its `---` line and the comments before it. Together they are the file. */
  readonly documents: readonly string[];
  /** The file with document `index` replaced, or left out. */
  with(index: number, text: string | undefined): string;
}

export function cutYaml(text: string): YamlFile {
  const documents: string[] = [];
  let lead = "";
  for (const token of new Parser().parse(text)) {
    lead += CST.stringify(token);
    if (token.type !== "document") continue;
    documents.push(lead);
    lead = "";
  }
  documents.push((documents.pop() ?? "") + lead);
  return {
    documents,
    with: (index, replacement) => documents.map((document, position) => (position === index ? (replacement ?? "") : document)).join(""),
  };
}

const BEFORE = String.raw`^((?:[ \t]*(?:#.*)?\r?\n)*)---`;
const MARKER = new RegExp(String.raw`${BEFORE}(?=\s|$)`);
const MARKER_LINE = new RegExp(String.raw`${BEFORE}[ \t]*(?:#.*)?(?:\r?\n|$)`);

/** The document's text without the line that starts it. */
export function withoutMarker(text: string): string {
  return text.replace(MARKER_LINE, "$1");
}

export function hasMarker(text: string): boolean {
  return MARKER.test(text);
}

/**
 * Sets the field at `path`, or removes it (`undefined`). If the field, or a neighbour to put it beside, is on a line of its own or in
 * braces, nothing else in the text changes. Otherwise the document is serialized again, with its comments. Throws if a part of the path is
 * not a map (a string, or an alias).
 */
export function patchYaml(text: string, path: readonly string[], value: unknown): string {
  const wanted = parse(text);
  if (value === undefined) wanted.deleteIn(path);
  else setIn(wanted, path, value);
  const spliced = splice(text, path, value);
  if (spliced !== undefined && isDeepStrictEqual(toJs(parse(spliced)), toJs(wanted))) return spliced;
  return print(wanted, /\{ /.test(text));
}

/** A field and what it should hold; `undefined`: nothing. */
export interface Addition {
  readonly path: readonly string[];
  readonly value: string | undefined;
}

/** Adds the fields that a document lacks, and says which those are. */
export function addMissing(text: string, fields: readonly Addition[]): { readonly text: string; readonly added: readonly Addition[] } {
  const document = parse(text);
  const added = fields.filter(({ path, value }) => value !== undefined && !document.hasIn(path));
  if (added.length === 0) return { text, added };
  for (const { path, value } of added) setIn(document, path, value);
  return { text: print(document), added };
}

/** Every scalar is a text that says what it said, so that one which is written again keeps its meaning, whatever that is. */
function parse(text: string): Document.Parsed {
  return parseDocument(text, AS_TEXTS);
}

function print(document: Document.Parsed, flowCollectionPadding = true): string {
  // The library writes `{a:, b: 1}`, where kubectl takes the colon for a part of the name.
  visit(document, {
    Scalar: (_, node, path) => {
      if (node.value === "" && node.type === Scalar.PLAIN && path.some((part) => isCollection(part) && part.flow)) node.value = "null";
    },
  });
  return withEscapes(document.toString({ lineWidth: 0, flowCollectionPadding }));
}

/** An empty field (`annotations:`) becomes a map. */
function setIn(document: Document.Parsed, path: readonly string[], value: unknown): void {
  for (let length = 1; length < path.length; length++) {
    const parent = path.slice(0, length);
    if (!document.hasIn(parent) || isNull(document.getIn(parent, true))) document.setIn(parent, document.createNode({}));
  }
  document.setIn(path, parse(printExactJson(value)).contents);
}

function isNull(node: unknown): boolean {
  return isScalar(node) ? resolveScalar(placedScalar(node)).value === null : node === null;
}

function toJs(document: Document.Parsed): unknown {
  return document.errors.length > 0 ? undefined : document.toJS();
}

/** Makes the change in place; the caller checks the result. `undefined` if there is no simple place for it. */
function splice(text: string, path: readonly string[], value: unknown): string | undefined {
  const document = parse(text);
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1));
  const key = path.at(-1) ?? "";
  if (!isMap(parent)) return undefined;
  const pair = find(parent, key);
  const json = printExactJson(value);
  if (pair !== undefined && value !== undefined) {
    const range = isScalar(pair.value) ? pair.value.range : undefined;
    return range ? text.slice(0, range[0]) + json + text.slice(range[1]) : undefined;
  }
  if (pair !== undefined) return withoutLine(text, pair);
  if (value === undefined) return text;
  return parent.flow === true ? insertInBraces(text, parent, `${key}: ${json}`) : insertLine(text, parent, `${key}: ${json}`);
}

function find(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((item) => isScalar(item.key) && item.key.value === key);
}

function withoutLine(text: string, { key, value }: Pair): string | undefined {
  if (!isScalar(key) || !isScalar(value) || !key.range || !value.range) return undefined;
  const start = text.lastIndexOf("\n", key.range[0]) + 1;
  const newline = text.indexOf("\n", value.range[1]);
  return text.slice(0, start) + (newline === -1 ? "" : text.slice(newline + 1));
}

function insertInBraces(text: string, map: YAMLMap, entry: string): string | undefined {
  if (!map.range) return undefined;
  const after = map.range[0] + 1;
  return `${text.slice(0, after)}${entry}${map.items.length > 0 ? ", " : ""}${text.slice(after)}`;
}

/** Inserts the entry below `image` if there is one (a digest belongs beside it), else below the first field that fits on one line. */
function insertLine(text: string, map: YAMLMap, entry: string): string | undefined {
  const oneLiners = map.items.filter(
    ({ value }) => isScalar(value) && value.range && !text.slice(value.range[0], value.range[1]).includes("\n"),
  );
  const neighbour = find(map, "image") ?? oneLiners[0];
  if (neighbour === undefined || !isScalar(neighbour.key) || !isScalar(neighbour.value)) return undefined;
  const { range } = neighbour.key;
  const end = neighbour.value.range?.[1];
  if (!range || end === undefined) return undefined;
  const indent = range[0] - (text.lastIndexOf("\n", range[0]) + 1);
  const newline = text.indexOf("\n", end);
  const line = `${" ".repeat(indent)}${entry}\n`;
  return newline === -1 ? `${text}\n${line}` : text.slice(0, newline + 1) + line + text.slice(newline + 1);
}
