import { readFileSync } from "node:fs";
import { parse } from "yaml";

/** A CEL rule of the schema. https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules */
export interface Rule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly fieldPath?: string;
}

/** The parts of a structural schema that Weir's CRD uses. */
export interface Schema {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly "x-kubernetes-validations"?: readonly Rule[];
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
}

const schemas = new Map<string, Schema>();

/** The schema of a WasmFilter without its status, read once from the CRD file: a folder and a cluster apply the same rules. */
export function wasmFilterSchema(): Schema {
  return schemaOf("wasmfilters");
}

/** The same of a WasmPolicy. */
export function wasmPolicySchema(): Schema {
  return schemaOf("wasmpolicies");
}

function schemaOf(plural: "wasmfilters" | "wasmpolicies"): Schema {
  const known = schemas.get(plural) ?? readSchema(plural);
  schemas.set(plural, known);
  return known;
}

function readSchema(plural: string): Schema {
  const file = new URL(`../../crds/${plural}.weir.dev.yaml`, import.meta.url);
  const crd = parse(readFileSync(file, "utf8")) as { spec: { versions: { schema: { openAPIV3Schema: Schema } }[] } };
  const root = crd.spec.versions[0]?.schema.openAPIV3Schema;
  if (root === undefined) throw new Error(`${file.pathname} has no version with a schema`);
  const { status: _, ...properties } = root.properties ?? {};
  return { ...root, properties };
}
