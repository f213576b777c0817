import { type CelInput, celEnv, isCelError, isCelUint, parse, plan } from "@bufbuild/cel";
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

/** `attributes` returns what an expression can read at the time of evaluation. */
export function createExpressions(attributes: () => Attributes): Expressions {
  const environment = celEnv();
  const compiled = new Map<number, ReturnType<typeof plan>>();
  let next = 0;
  return {
    create(text) {
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
      const property = isCelError(value) ? undefined : propertyOf(value);
      return property === undefined ? { status: Status.InternalFailure } : { status: Status.Ok, result: encodeProperty(property) };
    },
    remove(token) {
      compiled.delete(token);
    },
  };
}

/** Maps and lists as results are not supported and fail: plugins do not use them. */
function propertyOf(value: unknown): Property | undefined {
  if (isCelUint(value)) return value.value;
  const plain = typeof value === "string" || typeof value === "bigint" || typeof value === "number" || typeof value === "boolean";
  return plain || value instanceof Uint8Array ? value : undefined;
}
