import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { closest } from "../../base/closest.ts";
import { isFields } from "./defaults.ts";
import { joinPath, type Problem } from "./problem.ts";
import type { Schema } from "./schema.ts";

/** Violations that are told one by one: looking for what a field was meant to be takes time for each. */
const MAX_TOLD = 100;

const validators = new WeakMap<Schema, ValidateFunction>();

/** Violations of the structural schema: wrong types, missing and unknown fields, values out of bounds, duplicate list entries. */
export function structuralProblems(schema: Schema, object: unknown): Problem[] {
  const validate = validators.get(schema) ?? compile(schema);
  validators.set(schema, validate);
  const problems: Problem[] = [];
  if (!validate(object)) {
    const errors = validate.errors ?? [];
    // A failed anyOf also reports each of its branches, which say more.
    const telling = errors.filter(({ keyword }) => keyword !== "anyOf" && keyword !== "not");
    const told = telling.length > 0 ? telling : errors;
    for (const error of told.slice(0, MAX_TOLD)) problems.push(toProblem(error, schema));
    if (told.length > MAX_TOLD) problems.push({ path: "", message: `and ${told.length - MAX_TOLD} more of the wrong shape` });
  }
  collectDuplicates(schema, object, "", problems);
  return problems;
}

function compile(schema: Schema): ValidateFunction {
  // The formats in the schema give the width of a number. Its minimum and maximum are what bounds it.
  const ajv = new Ajv({ allErrors: true, strict: false, verbose: true, formats: { int32: true, int64: true, "date-time": true } });
  return ajv.compile(closed(schema));
}

/** The schema with unknown fields forbidden wherever fields are declared. */
function closed(schema: Schema): object {
  const copy: Record<string, unknown> = { ...schema };
  if (schema.items !== undefined) copy.items = closed(schema.items);
  if (schema.properties !== undefined) {
    copy.properties = Object.fromEntries(Object.entries(schema.properties).map(([key, property]) => [key, closed(property)]));
    copy.additionalProperties = false;
  }
  return copy;
}

function toProblem(error: ErrorObject, schema: Schema): Problem {
  const { at, fields } = locate(schema, error.instancePath);
  const { params } = error;
  switch (error.keyword) {
    case "additionalProperties": {
      const unknown = String(params.additionalProperty);
      const near = closest(unknown, Object.keys(fields?.properties ?? {}), Math.max(1, Math.floor(unknown.length / 3)));
      return {
        path: joinPath(at, unknown),
        message: near === undefined ? "unknown field; remove it" : `unknown field; did you mean ${near}?`,
      };
    }
    case "required":
      return { path: joinPath(at, String(params.missingProperty)), message: "required, but missing" };
    case "type":
      return { path: at, message: `must be ${article(String(params.type))}, not ${article(typeName(error.data))}` };
    case "enum":
      return {
        path: at,
        message: `unsupported value; supported: ${(params.allowedValues as unknown[]).map((value) => JSON.stringify(value)).join(", ")}`,
      };
    case "minimum":
      return { path: at, message: `must be ${String(params.limit)} or more` };
    case "maximum":
      return { path: at, message: `must be ${String(params.limit)} or less` };
    case "minLength":
      return { path: at, message: "must not be empty" };
    case "maxLength":
      return { path: at, message: `must have at most ${String(params.limit)} characters` };
    case "minItems":
      return { path: at, message: `must have ${String(params.limit)} or more entries` };
    case "maxItems":
    case "maxProperties":
      return { path: at, message: `must have at most ${String(params.limit)} entries` };
    default:
      return { path: at, message: error.message ?? `breaks ${error.keyword}` };
  }
}

/** A JSON pointer -> the path as kubectl writes it, and the schema found there. */
function locate(schema: Schema, pointer: string): { readonly at: string; readonly fields: Schema | undefined } {
  let at = "";
  let fields: Schema | undefined = schema;
  for (const token of pointer.split("/").slice(1)) {
    const key = token.replaceAll("~1", "/").replaceAll("~0", "~");
    const inList: boolean = fields?.type === "array";
    at = joinPath(at, inList ? Number(key) : key);
    fields = inList ? fields?.items : (fields?.properties?.[key] ?? fields?.additionalProperties);
  }
  return { at, fields };
}

/** `x-kubernetes-list-type` map and set: the API server refuses entries with equal keys. */
function collectDuplicates(schema: Schema, value: unknown, path: string, problems: Problem[]): void {
  if (isFields(value)) {
    for (const [key, property] of Object.entries(schema.properties ?? {}))
      collectDuplicates(property, value[key], joinPath(path, key), problems);
    return;
  }
  const { items } = schema;
  if (!Array.isArray(value) || items === undefined) return;
  const listType = schema["x-kubernetes-list-type"];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const seen = new Set<string>();
  value.forEach((item: unknown, index) => {
    const at = joinPath(path, index);
    if (listType === "map" || listType === "set") {
      const identity = JSON.stringify(listType === "set" ? item : keys.map((key) => (isFields(item) ? item[key] : undefined)));
      if (seen.has(identity))
        problems.push({
          path: at,
          message: listType === "set" ? "duplicate value" : `duplicate ${keys.join(", ")}; an earlier entry has it`,
        });
      seen.add(identity);
    }
    collectDuplicates(items, item, at, problems);
  });
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function article(type: string): string {
  if (type === "null") return type;
  return /^[aeio]/.test(type) ? `an ${type}` : `a ${type}`;
}
