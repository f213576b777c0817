/**
 * JSON whose numbers mean what they mean to the API server: a whole number of 64 bits keeps its digits, every other one is a float64
 * (https://pkg.go.dev/sigs.k8s.io/json). A whole number that a JavaScript number cannot hold is a bigint.
 */

/** Parts of `JSON` that TypeScript does not know yet: https://tc39.es/proposal-json-parse-with-source/ */
interface JsonWithSource {
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
}

const json = JSON as unknown as JsonWithSource;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** What may be a number that JavaScript would read otherwise. Looking for it is much faster than a reviver. A digest in hex is hardly ever taken for one. */
const UNUSUAL = /(?:^|[:[,\s])-?(?:\d{16}|\d+(?:\.\d+)?e\+?\d{3,}(?:$|[\]},\s]))/i;
const WHOLE = /^-?\d+$/;

/** Reads a text. Throws a SyntaxError if it is not JSON, or has a number beyond float64, which the API server refuses too. */
export function parseExactJson(text: string): unknown {
  if (!UNUSUAL.test(text)) return JSON.parse(text) as unknown;
  return json.parse(text, (_, value, { source = "" }) => (typeof value === "number" ? exactNumber(source, value) : value));
}

/** The text of a value that `parseExactJson` may have read: as `JSON.stringify`, and bigints with their digits. */
export function printExactJson(value: unknown, indent?: number | string): string {
  try {
    return JSON.stringify(value, undefined, indent);
  } catch (error) {
    // It holds a bigint. A replacer is slow, and they are rare.
    if (!(error instanceof TypeError)) throw error;
    return JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? json.rawJSON(String(part)) : part), indent);
  }
}

/** A whole number: a bigint where a JavaScript number cannot hold it, a float64 where 64 bits cannot. */
export function exactInteger(digits: bigint): number | bigint {
  const value = Number(digits);
  return Number.isSafeInteger(value) || digits < INT64_MIN || digits > INT64_MAX ? value : digits;
}

function exactNumber(source: string, value: number): number | bigint {
  if (!Number.isFinite(value)) throw new SyntaxError("a number is too large for 64 bits");
  return Number.isSafeInteger(value) || !WHOLE.test(source) ? value : exactInteger(BigInt(source));
}
