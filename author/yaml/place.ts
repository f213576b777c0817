import { type Document, isAlias, isMap, isScalar, isSeq, type LineCounter, type Node } from "yaml";
import { closest } from "../../base/closest.ts";
import { clip, oneLine } from "../../base/text.ts";
import { exactInteger } from "../../model/exact-json.ts";
import { type Failure, fail } from "../../model/result.ts";

/** Copies that the aliases of a file may make of what they name: https://eemeli.org/yaml/#tojs-options. */
const MAX_ALIASES = 100;
/** Characters of a key of the file that a message shows. */
const SHOWN = 40;

/** What the places of one file share. */
export interface YamlFile {
  /** As messages name it. */
  readonly name: string;
  readonly document: Document;
  readonly lines: LineCounter;
}

/** A value in a YAML file that a person wrote, and the line on which it stands: what is wrong with it is told with that line. */
export class Place {
  /** Where it is in the file, `requests[2].path`; empty for the whole. */
  readonly path: string;
  private readonly file: YamlFile;
  /** Alias or not. `null`: nothing is written there. */
  private readonly node: Node | null;
  /** The key of the value, or the item: it has a line where the value is not written. */
  private readonly anchor: Node | null;

  constructor(file: YamlFile, node: Node | null, path: string, anchor: Node | null) {
    this.file = file;
    this.node = isAlias(node) ? (node.resolve(file.document) ?? null) : node;
    this.path = path;
    this.anchor = anchor ?? node;
  }

  /** The first line is 1. */
  get line(): number {
    return this.file.lines.linePos(this.anchor?.range?.[0] ?? 0).line || 1;
  }

  get isMap(): boolean {
    return isMap(this.node);
  }

  get isList(): boolean {
    return isSeq(this.node);
  }

  /** As JSON has it; a whole number that JavaScript cannot hold is a bigint. Throws a ReferenceError when aliases make too many copies. */
  get value(): unknown {
    if (this.node === null) return null;
    return exact(isScalar(this.node) ? this.node.value : this.node.toJS(this.file.document, { maxAliasCount: MAX_ALIASES }));
  }

  /** The value of a map's key. `undefined`: it has no such key, or is no map. */
  get(key: string): Place | undefined {
    return this.entries().find((entry) => entry.key === key)?.place;
  }

  /** The value of a key, or this place where it has none: where to tell what is wrong with that key. */
  at(key: string): Place {
    return this.get(key) ?? this;
  }

  /** What a map holds, in the order of the file. */
  entries(): readonly { readonly key: string; readonly place: Place }[] {
    if (!isMap(this.node)) return [];
    return this.node.items.map(({ key, value }) => {
      const name = isScalar(key) ? String(key.value) : String(key);
      return { key: name, place: this.inner(value as Node | null, this.path === "" ? name : `${this.path}.${name}`, key as Node | null) };
    });
  }

  /** What a list holds. */
  items(): readonly Place[] {
    if (!isSeq(this.node)) return [];
    return this.node.items.map((item, index) => this.inner(item as Node | null, `${this.path}[${index}]`, null));
  }

  /** That it holds a key besides the `known` ones, with the nearest of them. */
  unknownKey(known: readonly string[]): Failure | undefined {
    const entry = this.entries().find(({ key }) => !known.includes(key));
    if (entry === undefined) return undefined;
    const { key, place } = entry;
    const near = closest(key, known);
    const todo = near === undefined ? `it takes ${known.join(", ")}` : `did you mean ${near}`;
    return place.wrong(`is not known; ${todo}`).error;
  }

  /** That something is wrong here. `what` follows the value's name: `must be true or false`. */
  wrong(what: string): { readonly ok: false; readonly error: Failure } {
    const name = this.path === "" ? "the file" : clip(oneLine(this.path), SHOWN);
    return fail("WrongYaml", `${this.file.name}:${this.line}: ${name} ${what}`);
  }

  private inner(node: Node | null, path: string, anchor: Node | null): Place {
    return new Place(this.file, node, path, anchor);
  }
}

function exact(value: unknown): unknown {
  if (typeof value === "bigint") return exactInteger(value);
  if (Array.isArray(value)) return value.map(exact);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, exact(each)]));
}
