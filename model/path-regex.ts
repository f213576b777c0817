/** The expression that keeps out of the query, or why a text is not taken as the regular expression of a path. */
export type PathRegex = { readonly ok: true; readonly regex: string } | { readonly ok: false; readonly why: string };

/** RE2 takes no more of one thing, of what repeats within what repeats too. */
const MAX_REPEATS = 1000;
const QUERY = "?";
const LOOKAROUND = /(^|[^\\])(\\\\)*\(\?([^:]|$)/;
/** A class, an escape, a number of times, or one character. */
const TOKEN = /\[\^?\]?(?:\\.|[^\]\\])*\]|\\.|\{\d+(?:,\d*)?\}|./gsu;
/** An escape with a letter or a digit, other than those of digits, blanks and words. */
const FOREIGN_ESCAPE = /(?:^|[^\\])(?:\\\\)*\\[0-9A-CE-RT-VX-Za-ce-rt-vx-z]/;
/** Escapes that stand for all but some characters: there is a `?` among those. */
const NEGATED = /^\\[DSW]$/;

/**
 * Takes what RE2, Go's regexp and JavaScript read alike, and rewrites it so that nothing in it matches a `?`: Envoy compares with the path and the query,
 * and the expression is about the path alone. `.` becomes `[^?]`, for example. https://github.com/google/re2/wiki/Syntax
 */
export function pathRegex(text: string): PathRegex {
  if (text === "") return no("is empty");
  if (LOOKAROUND.test(text)) return no("RE2 has no lookaround, and of groups that begin with (? only (?: is taken");
  if (FOREIGN_ESCAPE.test(text))
    return no("RE2 has no backreferences, and of escapes with a letter only \\d, \\D, \\s, \\S, \\w and \\W are taken");
  try {
    // It is only read. What it would take to run it does not matter.
    new RegExp(text, "u");
  } catch {
    return no("not a regular expression; put \\ before characters that stand for themselves");
  }
  const tokens = Array.from(text.matchAll(TOKEN), ([token]) => token);
  if (repeats(tokens) > MAX_REPEATS) return no(`repeats something more than ${MAX_REPEATS} times`);
  if (tokens.some((token) => token.startsWith("[") && token.includes("[:")))
    return no("classes such as [:alpha:] are not taken; write a-zA-Z");
  if (tokens.some(holdsQuery)) return no("the query is not part of a path: nothing in it may stand for a ?");
  return { ok: true, regex: tokens.map(outsideQuery).join("") };
}

/** True for a token that stands for a `?` because it says so. */
function holdsQuery(token: string): boolean {
  return token === `\\${QUERY}` || (isClass(token) && !token.startsWith("[^") && new RegExp(token, "u").test(QUERY));
}

/** The token, without the `?` among what it stands for. */
function outsideQuery(token: string): string {
  if (token === ".") return `[^${QUERY}]`;
  if (NEGATED.test(token)) return `[^${QUERY}${token.toLowerCase()}]`;
  return isClass(token) && token.startsWith("[^") ? `[^${QUERY}${token.slice(2)}` : token;
}

function isClass(token: string): boolean {
  return token.length > 1 && token.startsWith("[");
}

/** How often at most something is repeated by a number. */
function repeats(tokens: readonly string[]): number {
  const groups = [1];
  let last = 1;
  for (const token of tokens) {
    if (token === "(") groups.push(1);
    else if (token === ")") last = groups.pop() ?? 1;
    else if (/^\{\d/.test(token)) last *= Math.max(1, ...(token.match(/\d+/g) ?? []).map(Number));
    else if (!"*+?".includes(token)) last = 1;
    groups.push(Math.max(groups.pop() ?? 1, last));
  }
  return Math.max(...groups);
}

function no(why: string): PathRegex {
  return { ok: false, why };
}
