import { type Fields, isFields } from "./defaults.ts";

/** Deepest nesting of an object. Protobuf's JSON readers stop at 100 too; recursion over more would use up the stack. */
const MAX_DEPTH = 100;
/** Largest object, in characters of its names and texts. The API server takes no request beyond 3 MiB. */
const MAX_TEXT = 3 * 1024 * 1024;
/** What a value without text counts, in characters: so many small ones are bounded too. */
const VALUE_TEXT = 2;

/** Marks an object that stands for one beyond the bounds. A symbol: nobody can write it into a manifest. */
const BEYOND = Symbol("beyond bounds");

/**
 * Why a value is too deep or too large to be looked at; `undefined`: it is within the bounds. Never recurses, and stops at the first bound, so
 * that a value which aliases repeat costs no more than a large one.
 */
export function beyondBounds(value: unknown): string | undefined {
  const open: Iterator<unknown>[] = [[value].values()];
  let text = 0;
  for (let inner = open.at(-1); inner !== undefined; inner = open.at(-1)) {
    const { done, value: next } = inner.next();
    if (done === true) {
      open.pop();
      continue;
    }
    text += typeof next === "string" ? next.length + VALUE_TEXT : VALUE_TEXT;
    if (text > MAX_TEXT) return `larger than ${MAX_TEXT / 1024 / 1024} MiB; make it smaller`;
    if (typeof next !== "object" || next === null) continue;
    if (open.length > MAX_DEPTH) return `nested deeper than ${MAX_DEPTH} levels; make it flatter, or write the configuration as a string`;
    open.push(Array.isArray(next) ? next.values() : parts(next));
  }
  return undefined;
}

function* parts(fields: object): Generator<unknown> {
  for (const key in fields) {
    if (!Object.hasOwn(fields, key)) continue;
    yield key;
    yield (fields as Fields)[key];
  }
}

/**
 * The object as it is, or one that stands for it: its identity and selector, and why the rest is not held. What is made of objects after this may
 * recurse. `status` does not count: Weir writes it.
 */
export function withinBounds(object: Fields): Fields {
  const { status, ...rest } = object;
  const why = beyondBounds(rest);
  if (why === undefined) return object;
  const { apiVersion, kind, metadata, spec } = object;
  const selector = isFields(spec) && spec.selector !== undefined ? { selector: selectorOf(spec) } : {};
  const kept = beyondBounds(metadata) === undefined ? metadata : identityOf(metadata);
  return { apiVersion, kind, metadata: kept, spec: selector, ...(status === undefined ? {} : { status }), [BEYOND]: why };
}

/** A text, which is no selector, for one beyond the bounds: none at all would select every proxy. */
function selectorOf({ selector }: Fields): unknown {
  return beyondBounds(selector) === undefined ? selector : "beyond bounds";
}

function identityOf(metadata: unknown): Fields {
  if (!isFields(metadata)) return {};
  const { name, namespace, uid, generation, resourceVersion } = metadata;
  return { name, namespace, uid, generation, resourceVersion };
}

/** Why the object that this one stands for is not held; `undefined` for an object that stands for itself. */
export function whyBeyond(object: object): string | undefined {
  return (object as { readonly [BEYOND]?: string })[BEYOND];
}
