/** Generates model/gen/ from the CRDs, so that the types cannot drift from what the API server enforces. */
import { readFileSync } from "node:fs";
import { parse } from "yaml";

const LINE_WIDTH = 140;

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
}

interface Crd {
  readonly spec: { readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[] };
}

const OBJECT_META = `/** The part of Kubernetes' ObjectMeta that Weir reads. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/ */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly generation?: number;
  readonly resourceVersion?: string;
  /** RFC 3339. */
  readonly creationTimestamp?: string;
  /** RFC 3339; set once deletion was asked for. */
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}
`;

/** A CRD below crds/, and what is generated from it. */
interface Kind {
  readonly crd: string;
  readonly kind: string;
  /** File below model/gen/. */
  readonly file: string;
  /** What stands before the types. */
  readonly head: readonly string[];
}

const KINDS: readonly Kind[] = [
  {
    crd: "wasmfilters.weir.dev.yaml",
    kind: "WasmFilter",
    file: "wasmfilter.ts",
    head: ['export const API_VERSION = "weir.dev/v1alpha1";\nexport const KIND = "WasmFilter";\n', OBJECT_META],
  },
  {
    crd: "wasmpolicies.weir.dev.yaml",
    kind: "WasmPolicy",
    file: "wasmpolicy.ts",
    head: ['import type { ObjectMeta } from "./wasmfilter.ts";\n', 'export const POLICY_KIND = "WasmPolicy";\n'],
  },
];

/** The files of model/gen/, by name. The same CRDs give the same texts. */
export function generateCrdTypes(): ReadonlyMap<string, string> {
  return new Map(KINDS.map((kind) => [kind.file, typesOf(kind)]));
}

function typesOf({ crd: name, kind, head }: Kind): string {
  const crd = parse(readFileSync(new URL(`../crds/${name}`, import.meta.url), "utf8")) as Crd;
  const root = crd.spec.versions[0]?.schema.openAPIV3Schema;
  if (root === undefined) throw new Error(`crds/${name} has no version with a schema`);
  const interfaces: string[] = [];
  declare(kind, root, interfaces);
  const header = `// Generated from crds/${name} by scripts/generate-crd-types.ts. Do not edit; run: npm run generate\n`;
  return [header, ...head, ...interfaces].join("\n");
}

/** Adds the interface `name` for an object schema, then those of its nested objects. */
function declare(name: string, schema: Schema, out: string[]): void {
  const nested: [string, Schema][] = [];
  const required = new Set(schema.required);
  const fields = Object.entries(schema.properties ?? {}).map(([key, property]) => {
    const type =
      KINDS.some(({ kind }) => kind === name) && key === "metadata" ? "ObjectMeta" : typeOf(name + capital(key), property, nested);
    const optional = required.has(key) || key === "metadata" ? "" : "?";
    return `${comment(describe(property), "  ")}  readonly ${key}${optional}: ${type};\n`;
  });
  out.push(`${comment(describe(schema), "")}export interface ${name} {\n${fields.join("")}}\n`);
  for (const [nestedName, nestedSchema] of nested) declare(nestedName, nestedSchema, out);
}

function typeOf(name: string, schema: Schema, nested: [string, Schema][]): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  switch (schema.type) {
    case "string":
    case "boolean":
      return schema.type;
    case "integer":
    case "number":
      return "number";
    case "array":
      return `readonly ${elementOf(name, schema.items ?? {}, nested)}[]`;
    case "object":
      if (schema.properties !== undefined) {
        nested.push([name, schema]);
        return name;
      }
      if (typeof schema.additionalProperties === "object") {
        return `Readonly<Record<string, ${typeOf(name, schema.additionalProperties, nested)}>>`;
      }
      return "Readonly<Record<string, unknown>>";
    default:
      return "unknown";
  }
}

function elementOf(listName: string, items: Schema, nested: [string, Schema][]): string {
  const type = typeOf(singular(listName), items, nested);
  return type.includes("|") ? `(${type})` : type;
}

function singular(name: string): string {
  return name.endsWith("s") ? name.slice(0, -1) : `${name}Item`;
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function describe(schema: Schema): string {
  const fallback = schema.default === undefined ? "" : ` Default: ${JSON.stringify(schema.default)}.`;
  return (schema.description ?? "") + fallback;
}

function comment(text: string, indent: string): string {
  if (text === "") return "";
  const oneLine = `${indent}/** ${text} */`;
  if (oneLine.length <= LINE_WIDTH) return `${oneLine}\n`;
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && indent.length + 3 + last.length + 1 + word.length <= LINE_WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join("")}${indent} */\n`;
}
