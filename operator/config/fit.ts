import { type OutputUnit, Validator } from "@cfworker/json-schema";
import { clip, oneLine } from "../../base/text.ts";
import type { ConfigSchema } from "./schema.ts";

/** One thing that does not fit. */
export interface Misfit {
  /** From the configuration to the place: names and indexes. */
  readonly at: readonly string[];
  readonly message: string;
}

/** Misfits that are told. */
const MAX_TOLD = 20;
const LONGEST_WORDS = 200;

/** Keywords that only say that something below them does not fit. */
const CONTAINERS: ReadonlySet<string> = new Set([
  ...["properties", "patternProperties", "additionalProperties", "unevaluatedProperties", "propertyNames", "items", "prefixItems"],
  ...["additionalItems", "unevaluatedItems", "allOf", "anyOf", "if", "$ref", "$recursiveRef", "dependentSchemas"],
]);

/** Where a configuration does not fit its schema. Empty: it does. Takes any time and memory: call it where that is bounded. */
export function misfitsOf({ schema, draft }: ConfigSchema, config: unknown): readonly Misfit[] {
  const { valid, errors } = new Validator(schema, draft, false).validate(config);
  if (valid) return [];
  const telling = errors.filter(({ keyword }) => !CONTAINERS.has(keyword));
  const told = telling.length > 0 ? telling : errors.slice(0, 1);
  const known = new Set<string>();
  const misfits: Misfit[] = [];
  for (const error of told) {
    const misfit = misfitOf(error);
    const key = JSON.stringify(misfit);
    if (!known.has(key)) misfits.push(misfit);
    known.add(key);
    if (misfits.length === MAX_TOLD) break;
  }
  return misfits;
}

function misfitOf({ instanceLocation, keyword, error }: OutputUnit): Misfit {
  const at = instanceLocation.split("/").slice(1).map(decode);
  if (keyword !== "required") return { at, message: wordsOf(keyword, error) };
  const [, missing = ""] = /required property "(.*)"\.$/s.exec(error) ?? [];
  return { at: [...at, missing], message: "required, but missing" };
}

/** What the validator says ends with the schema's own words; what comes before may be the configuration's. */
const WORDS: Readonly<Record<string, readonly [RegExp, (limit: string) => string]>> = {
  type: [/Expected (.*)\.$/s, (types) => `must be of type ${types.replaceAll('"', "").replaceAll(", ", " or ")}`],
  const: [/does not match (.*)\.$/s, (value) => `must be ${value}`],
  enum: [/any of \[(.*)\]\.$/s, (values) => `unsupported value; supported: ${values}`],
  minimum: [/than (\S+)\.$/, (limit) => `must be ${limit} or more`],
  maximum: [/than (\S+)\.$/, (limit) => `must be ${limit} or less`],
  exclusiveMinimum: [/than (\S+)\.$/, (limit) => `must be more than ${limit}`],
  exclusiveMaximum: [/to (\S+)\.$/, (limit) => `must be less than ${limit}`],
  multipleOf: [/of (\S+)\.$/, (factor) => `must be a multiple of ${factor}`],
  minLength: [/< (\d+)\)\.$/, (limit) => `must have ${limit} or more characters`],
  maxLength: [/> (\d+)\)\.$/, (limit) => `must have at most ${limit} characters`],
  format: [/format "(.*)"\.$/s, (format) => `must have the format ${format}`],
};

const OTHERS: Readonly<Record<string, string>> = {
  false: "unknown field; remove it",
  pattern: "must match the pattern that the schema has for it",
  uniqueItems: "must have no entry twice",
  minItems: "must have more entries",
  maxItems: "must have fewer entries",
  minProperties: "must have more fields",
  maxProperties: "must have fewer fields",
  contains: "must have an entry of another kind",
  oneOf: "must fit one of several forms, and no other",
  not: "must not have the form that it has",
  dependentRequired: "lacks a field that another one of it needs",
};

function wordsOf(keyword: string, error: string): string {
  const [pattern, say] = WORDS[keyword] ?? [];
  const [, words] = pattern?.exec(error) ?? [];
  if (say !== undefined && words !== undefined) return say(clip(oneLine(words), LONGEST_WORDS));
  return OTHERS[keyword] ?? "does not fit";
}

function decode(token: string): string {
  let text = token;
  try {
    text = decodeURIComponent(token);
  } catch {
    // A name that is no URI's: as it is.
  }
  return text.replaceAll("~1", "/").replaceAll("~0", "~");
}
