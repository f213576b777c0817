import { hasMoreValues, isNestedDeeper } from "../../base/json-depth.ts";

/** An honest bundle has 8 levels and some hundred values; what is signed is one of them. */
const DEEPEST = 64;
const MAX_VALUES = 20_000;
/** Bytes of a trust root; the public one has 7,000. */
export const MAX_TRUST_ROOT_BYTES = 1 << 20;

/** Parses JSON that strangers wrote; throws for what is none, or has more values or levels than such a document. */
export function parseBounded(text: string): unknown {
  if (hasMoreValues(text, MAX_VALUES) || isNestedDeeper(text, DEEPEST)) throw new SyntaxError("more than such a document has");
  return JSON.parse(text);
}

/**
 * Parses the JSON of a bundle, a log entry or a trust root, which strangers wrote; throws for what is none. Whoever reads base64 by `Buffer.from` takes `{"length": 4e9}`
 * for a list, and would have gigabytes of it: no field of these has that name.
 */
export function parseDocument(text: string): unknown {
  if (hasMoreValues(text, MAX_VALUES) || isNestedDeeper(text, DEEPEST)) throw new SyntaxError("more than such a document has");
  return JSON.parse(text, (name, value) => {
    if (name === "length") throw new SyntaxError("a field that no such document has");
    return value;
  });
}
