import { createRequire } from "node:module";
import type { CelInput } from "@bufbuild/cel";
import { encodeProperty, type Property } from "../values/properties.ts";
import { Status } from "../values/status.ts";
import type { Attributes } from "./attributes.ts";

/** Envoy's CEL expressions for plugins: made once, evaluated against the attributes of a stream. https://cel.dev */
export interface Expressions {
  /** A token, or `undefined` when the text is not CEL. */
  create(text: string): number | undefined;
  evaluate(token: number): { readonly status: number; readonly result?: Uint8Array };
  remove(token: number): void;
}

/**
 * Loaded when a plugin asks first: most never do, and loading takes longer than all the rest of a prover's start. `#cel` is the name that
 * package.json gives to @bufbuild/cel: an installed package has it in a file of its own.
 */
const loadCel = (): typeof import("@bufbuild/cel") => createRequire(import.meta.url)("#cel");

/** Longest text of an expression, in bytes: an expression of a filter has a few hundred. */
const MAX_EXPRESSION = 16 * 1024;
/** Deepest nesting of brackets: CEL asks implementations for 12 levels of most constructs. */
const MAX_NESTING = 64;

/** `attributes` returns what an expression can read at the time of evaluation. */
export function createExpressions(attributes: () => Attributes): Expressions {
  const { celEnv, isCelError, isCelUint, parse, plan } = loadCel();
  const environment = celEnv();
  const compiled = new Map<number, ReturnType<typeof plan>>();
  let next = 0;
  return {
    create(text) {
      if (text.length > MAX_EXPRESSION || nesting(text) > MAX_NESTING) return undefined;
      try {
        compiled.set(next, plan(environment, parse(text)));
      } catch {
        return undefined;
      }
      next += 1;
      return next - 1;
    },
    evaluate(token) {
      const run = compiled.get(token);
      if (run === undefined) return { status: Status.NotFound };
      const value = run(attributes() as Record<string, CelInput>);
      const property = isCelError(value) ? undefined : propertyOf(isCelUint(value) ? value.value : value);
      return property === undefined ? { status: Status.InternalFailure } : { status: Status.Ok, result: encodeProperty(property) };
    },
    remove(token) {
      compiled.delete(token);
    },
  };
}

/** Maps and lists as results are not supported and fail: plugins do not use them. */
function propertyOf(value: unknown): Property | undefined {
  const plain = typeof value === "string" || typeof value === "bigint" || typeof value === "number" || typeof value === "boolean";
  return plain || value instanceof Uint8Array ? value : undefined;
}

function nesting(text: string): number {
  let [depth, deepest] = [0, 0];
  for (const char of text) {
    if ("([{".includes(char)) depth += 1;
    else if (")]}".includes(char)) depth -= 1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}
