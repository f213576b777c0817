const [SPACE, COMMA, COLON] = [0x20, 0x2c, 0x3a];
const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN_MAP, CLOSE_MAP] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d];

/** Characters of the name of a member that anybody asks for, all of them escaped. */
const LONGEST_NAME = 200;

/**
 * True when a JSON text is nested deeper than `max` levels. To be asked before it is parsed: parsing a million levels takes a second. A text that is no JSON
 * gives some answer.
 */
export function isNestedDeeper(text: string, max: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at + 1);
    } else if (code === OPEN_LIST || code === OPEN_MAP) {
      depth += 1;
      if (depth > max) return true;
    } else if (code === CLOSE_LIST || code === CLOSE_MAP) {
      depth -= 1;
    }
  }
  return false;
}

/** True when a JSON text has more than `max` values in its lists and maps, all levels together. To be asked before it is parsed and checked, which takes 2 µs a value. */
export function hasMoreValues(text: string, max: number): boolean {
  let values = 0;
  let isOpening = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code <= SPACE) continue;
    // What comes first in a list or a map has no comma before it.
    const isFirst = isOpening && code !== CLOSE_LIST && code !== CLOSE_MAP;
    if ((isFirst || code === COMMA) && ++values > max) return true;
    isOpening = code === OPEN_LIST || code === OPEN_MAP;
    if (code === QUOTE) at = endOfString(text, at + 1);
  }
  return false;
}

/**
 * The texts of these members of a JSON object, of equal names the last, as `JSON.parse` has it; `undefined`: it is no object, or has more than `max` members. The others are passed
 * over: what nobody reads takes no memory, and little time. A text that is no JSON gives some answer.
 */
export function membersOf(text: string, names: ReadonlySet<string>, max: number): ReadonlyMap<string, string> | undefined {
  const found = new Map<string, string>();
  let at = skipSpace(text, 0);
  if (text.charCodeAt(at) !== OPEN_MAP) return undefined;
  at = skipSpace(text, at + 1);
  for (let members = 0; text.charCodeAt(at) === QUOTE; members++) {
    if (members === max) return undefined;
    const end = endOfString(text, at + 1);
    const name = end - at > LONGEST_NAME ? undefined : stringOf(text.slice(at, end + 1));
    at = skipSpace(text, end + 1);
    if (text.charCodeAt(at) !== COLON) return undefined;
    const start = skipSpace(text, at + 1);
    at = endOfValue(text, start);
    if (name !== undefined && names.has(name)) found.set(name, text.slice(start, at));
    if (text.charCodeAt(at) !== COMMA) break;
    at = skipSpace(text, at + 1);
  }
  return text.charCodeAt(at) === CLOSE_MAP ? found : undefined;
}

/** Where the comma or bracket is that ends the value of a member. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at + 1);
    else if (code === OPEN_LIST || code === OPEN_MAP) depth += 1;
    else if (depth === 0 && (code === COMMA || code === CLOSE_MAP || code === CLOSE_LIST)) return at;
    else if (code === CLOSE_LIST || code === CLOSE_MAP) depth -= 1;
  }
  return text.length;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (at < text.length && text.charCodeAt(at) <= SPACE) at++;
  return at;
}

/** `undefined`: it is no string. */
function stringOf(json: string): string | undefined {
  try {
    return JSON.parse(json) as string;
  } catch {
    return undefined;
  }
}

/** Where the quote is that ends a string. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (at - backslashes > start && text.charCodeAt(at - backslashes - 1) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return at;
  }
  return text.length;
}
