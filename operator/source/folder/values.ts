import { type Alias, type Document, isAlias, isMap, isScalar, type Node, type Pair, Scalar, type YAMLMap, type YAMLSeq } from "yaml";
import { FirstError, placedScalar } from "./composer.ts";
import { keyName, type Resolved, resolveScalar, WrongScalar } from "./scalar.ts";

/** Most names that the merges (`<<`) of one document may copy. */
const MAX_MERGED = 100_000;
const MERGE = "<<";
const MERGE_TAG = "tag:yaml.org,2002:merge";

/** Of a document with fewer values than this, 99 of 100 may come from aliases; of one with more values than `MANY`, 10: https://pkg.go.dev/go.yaml.in/yaml/v2 (decode.go). */
const FEW = 400_000;
const MANY = 4_000_000;

/** YAML that has no value. */
export class WrongValue extends FirstError {}

/** What an anchor stands for. */
interface Anchored {
  readonly node: Node;
  /** Values in it, itself included. `undefined` while it is read. */
  size?: number;
  /** Of a map or a list. */
  value?: unknown;
}

type Fields = Map<string, unknown>;

/**
 * The value of a document as kubectl reads it: https://pkg.go.dev/sigs.k8s.io/yaml on https://pkg.go.dev/go.yaml.in/yaml/v2. What an alias stands for is
 * shared, not copied. Throws `WrongValue` where kubectl would fail. A name that a map has twice is wrong too: kubectl takes the last of them
 * without a word. Recurses.
 */
export function documentValue(document: Document): unknown {
  return document.contents === null ? null : new Values().of(document.contents as Node);
}

class Values {
  private readonly anchors = new Map<string, Anchored>();
  private count = 0;
  private aliased = 0;
  private merged = 0;

  of(node: Node): unknown {
    if (isAlias(node)) {
      const { node: target, value } = this.aliasOf(node);
      return isScalar(target) ? jsonValue(target) : value;
    }
    const before = this.count;
    const anchored = this.enter(node);
    if (isScalar(node)) return jsonValue(node);
    anchored.value = isMap(node) ? Object.fromEntries(this.fields(node)) : this.items(node as YAMLSeq);
    anchored.size = this.count - before;
    return anchored.value;
  }

  private enter(node: Node): Anchored {
    this.count++;
    const anchored: Anchored = isScalar(node) ? { node, size: 1 } : { node };
    if (!isAlias(node) && node.anchor !== undefined) this.anchors.set(node.anchor, anchored);
    return anchored;
  }

  private aliasOf(alias: Alias): Anchored {
    const anchored = this.anchors.get(alias.source);
    if (anchored === undefined) throw wrong(alias, "an alias has no anchor before it");
    if (anchored.size === undefined) throw wrong(alias, "an anchor holds an alias of itself");
    this.count += anchored.size;
    this.aliased += anchored.size;
    if (this.aliased > 100 && this.count > 1_000 && this.aliased / this.count > allowedShare(this.count))
      throw wrong(alias, "too many aliases of too much; write out what they stand for");
    return anchored;
  }

  private items({ items }: YAMLSeq): unknown[] {
    return items.map((item) => this.of(item as Node));
  }

  private fields({ items }: YAMLMap): Fields {
    const fields: Fields = new Map();
    const own = new Set<string>();
    for (const { key, value } of items as Pair<Node, Node | null>[]) {
      if (isMergeKey(key)) {
        this.merge(key, value, fields);
        continue;
      }
      const name = this.nameOf(key);
      if (own.has(name)) throw wrong(key, "this map has the name already; keep one of the two");
      own.add(name);
      fields.set(name, value === null ? null : this.of(value));
    }
    return fields;
  }

  private nameOf(key: Node): string {
    const { node } = isAlias(key) ? this.aliasOf(key) : this.enter(key);
    if (!isScalar(node)) throw wrong(key, "a name is a map or a list; write a text");
    return inPlace(key, () => keyName(resolved(node)));
  }

  /** As kubectl does, whatever stood before it gives way: https://yaml.org/type/merge.html says the contrary. */
  private merge(key: Node, value: Node | null, fields: Fields): void {
    const parts = value !== null && !isAlias(value) && !isScalar(value) && !isMap(value) ? ((value as YAMLSeq).items as Node[]) : [value];
    const sources = parts.map((part) => {
      const isOne = part !== null && (isMap(part) || (isAlias(part) && isMap(this.anchors.get(part.source)?.node)));
      if (!isOne) throw wrong(part ?? key, "<< takes a map, or a list of maps");
      return this.of(part) as Readonly<Record<string, unknown>>;
    });
    for (const source of sources.reverse()) {
      for (const [name, field] of Object.entries(source)) {
        if (++this.merged > MAX_MERGED)
          throw wrong(key, `the merges up to here copy more than ${MAX_MERGED.toLocaleString("en")} names; write out what they stand for`);
        fields.set(name, field);
      }
    }
  }
}

function allowedShare(count: number): number {
  if (count <= FEW) return 0.99;
  return count >= MANY ? 0.1 : 0.99 - (0.89 * (count - FEW)) / (MANY - FEW);
}

function isMergeKey(key: Node): boolean {
  if (!isScalar(key) || key.value !== MERGE) return false;
  return key.tag === MERGE_TAG || (key.tag === undefined && key.type === Scalar.PLAIN);
}

function jsonValue(node: Scalar): unknown {
  const { value } = resolved(node);
  if (typeof value === "number" && !Number.isFinite(value)) throw wrong(node, "JSON has no such number; put it in quotes, or leave it out");
  return value;
}

function resolved(node: Scalar): Resolved {
  return inPlace(node, () => resolveScalar(placedScalar(node)));
}

function inPlace<T>(node: Node, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw error instanceof WrongScalar ? wrong(node, error.message) : error;
  }
}

function wrong(node: Node, message: string): WrongValue {
  return new WrongValue(node.range?.[0] ?? 0, message);
}
