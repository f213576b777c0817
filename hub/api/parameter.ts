import { clip, oneLine } from "../../base/text.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { Schema } from "../schemas.ts";

/** A name in the query of a path. One table of these reads requests, words refusals and describes the path in the OpenAPI document. */
export interface Parameter<T> {
  readonly description: string;
  readonly schema: Schema;
  /** What it takes, for who gave something else: `a whole number from 1 to 500`. */
  readonly takes: string;
  /** `undefined`: the text is none of these. */
  read(text: string): T | undefined;
}

export type Parameters = Readonly<Record<string, Parameter<unknown>>>;

/** What a request gave, by name. */
export type Given<P extends Parameters> = { readonly [K in keyof P]?: P[K] extends Parameter<infer T> ? T : never };

/** Characters of a value. Nothing that can be asked for is longer, but for tokens, which are shorter than this too. */
const MAX_VALUE = 2_000;

/**
 * The parameters that a query has. A name that is not in the table is passed over, as the API server does; one that is there twice counts once; an empty value is as none.
 */
export function readParameters<P extends Parameters>(parameters: P, query: URLSearchParams): Result<Given<P>> {
  const given: Record<string, unknown> = {};
  for (const [name, { takes, read }] of Object.entries(parameters)) {
    const text = query.get(name) ?? "";
    if (text === "") continue;
    const value = text.length > MAX_VALUE ? undefined : read(text);
    if (value === undefined) return fail("BadRequest", `${name} is ${takes}, not "${clip(oneLine(text), 60)}"`);
    given[name] = value;
  }
  return ok(given as Given<P>);
}

/** As OpenAPI lists them. https://spec.openapis.org/oas/v3.1.0#parameter-object */
export function describeParameters(parameters: Parameters): readonly object[] {
  return Object.entries(parameters).map(([name, { description, schema }]) => ({ name, in: "query", description, schema }));
}

/** One of some words. */
export function choice<T extends string>(description: string, choices: readonly T[]): Parameter<T> {
  return {
    description,
    schema: { enum: choices },
    takes: `one of ${choices.join(", ")}`,
    read: (text) => choices.find((one) => one === text),
  };
}

/** Some of some words, each once, separated by commas. */
export function choicesOf<T extends string>(description: string, choices: readonly T[]): Parameter<readonly T[]> {
  const one = `(${choices.join("|")})`;
  return {
    description,
    schema: { type: "string", pattern: `^${one}(,${one})*$` },
    takes: `one or more of ${choices.join(", ")}, with commas between them`,
    read(text) {
      const words = new Set(text.split(","));
      return [...words].every((word) => choices.includes(word as T)) ? ([...words] as T[]) : undefined;
    },
  };
}

/** A text of some form. `pattern`: of the whole text. */
export function shaped(description: string, takes: string, pattern: string): Parameter<string> {
  const shape = new RegExp(pattern);
  return { description, schema: { type: "string", pattern }, takes, read: (text) => (shape.test(text) ? text : undefined) };
}
