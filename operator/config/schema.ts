import { isRecord } from "../../base/json.ts";
import { hasMoreValues, isNestedDeeper } from "../../base/json-depth.ts";
import { clip, oneLine } from "../../base/text.ts";
import { MAX_CONFIG_SCHEMA_BYTES } from "../../model/config-schema.ts";
import { fail, ok, type Result } from "../../model/result.ts";

export type Draft = "2020-12" | "7";

/** A JSON Schema, as far as it was looked at: an object whose references lead into itself, and whose patterns compile. */
export interface ConfigSchema {
  readonly schema: Readonly<Record<string, unknown>>;
  readonly draft: Draft;
}

const MAX_DEPTH = 64;
const MAX_VALUES = 10_000;

const DRAFTS: readonly (readonly [RegExp, Draft])[] = [
  [/^https:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/, "2020-12"],
  [/^https?:\/\/json-schema\.org\/draft-07\/schema#?$/, "7"],
];

/** Keywords whose value must have a shape, or who reads the schema would stumble. */
const SHAPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  enum: Array.isArray,
  required: isTexts,
  anyOf: Array.isArray,
  allOf: Array.isArray,
  oneOf: Array.isArray,
  prefixItems: Array.isArray,
  properties: isRecord,
  patternProperties: isRecord,
  dependentSchemas: isRecord,
  dependentRequired: isRecord,
  $defs: isRecord,
  definitions: isRecord,
};

/** Reads the text of a schema. Fails with `ConfigSchemaInvalid`; the message says of what it is not that it is one. */
export function readConfigSchema(text: string): Result<ConfigSchema> {
  if (Buffer.byteLength(text) > MAX_CONFIG_SCHEMA_BYTES) return invalid(`has more than ${MAX_CONFIG_SCHEMA_BYTES} bytes`);
  if (isNestedDeeper(text, MAX_DEPTH)) return invalid(`is nested deeper than ${MAX_DEPTH} levels`);
  if (hasMoreValues(text, MAX_VALUES)) return invalid(`has more than ${MAX_VALUES} values`);
  let schema: unknown;
  try {
    schema = JSON.parse(text);
  } catch {
    return invalid("is not JSON");
  }
  if (!isRecord(schema)) return invalid("is no object");
  const { $schema = "https://json-schema.org/draft/2020-12/schema" } = schema;
  const [, draft] = DRAFTS.find(([pattern]) => typeof $schema === "string" && pattern.test($schema)) ?? [];
  if (draft === undefined) return invalid("has a $schema that is not known; write draft 2020-12 or draft-07");
  const problem = problemIn(schema, false);
  return problem === undefined ? ok({ schema, draft }) : invalid(problem);
}

/** What is wrong anywhere in a schema. `isData`: names are not keywords here. */
function problemIn(value: unknown, isData: boolean): string | undefined {
  if (Array.isArray(value)) return first(value, (entry) => problemIn(entry, isData));
  if (!isRecord(value)) return undefined;
  return first(Object.entries(value), ([name, inner]) => {
    if (isData) return problemIn(inner, false);
    if (name === "const" || name === "enum" || name === "default" || name === "examples") return shapeOf(name, inner);
    return keywordProblem(name, inner) ?? shapeOf(name, inner) ?? problemIn(inner, SHAPES[name] === isRecord);
  });
}

function shapeOf(name: string, value: unknown): string | undefined {
  return Object.hasOwn(SHAPES, name) && SHAPES[name]?.(value) === false ? `has a ${name} that is none` : undefined;
}

function keywordProblem(name: string, value: unknown): string | undefined {
  if (name === "$ref" || name === "$dynamicRef" || name === "$recursiveRef")
    return typeof value === "string" && value.startsWith("#")
      ? undefined
      : `has a ${name} that leads out of it; write what it leads to below $defs`;
  if (name === "$id" || name === "id") return typeof value === "string" ? undefined : `has an ${name} that is no text`;
  if (name === "pattern") return patternProblem(value);
  return name === "patternProperties" && isRecord(value) ? first(Object.keys(value), patternProblem) : undefined;
}

function patternProblem(pattern: unknown): string | undefined {
  try {
    if (typeof pattern === "string") new RegExp(pattern, "u");
    else return "has a pattern that is no text";
  } catch {
    return `has the pattern ${clip(oneLine(JSON.stringify(pattern)), 100)}, which is no regular expression`;
  }
  return undefined;
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}

function first<T>(values: readonly T[], problemOf: (value: T) => string | undefined): string | undefined {
  for (const value of values) {
    const problem = problemOf(value);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function invalid(why: string): Result<never> {
  return fail("ConfigSchemaInvalid", why);
}
