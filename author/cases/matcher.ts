import { isDeepStrictEqual } from "node:util";
import { setFlagsFromString } from "node:v8";
import { parseExactJson, printExactJson } from "../../model/exact-json.ts";

/** What a text should be. */
export type Matcher =
  | { readonly kind: "exact" | "prefix" | "suffix" | "contains"; readonly text: string }
  | { readonly kind: "regex"; readonly pattern: RegExp }
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "absent" | "present" };

/** Longest pattern, in characters. */
export const MAX_PATTERN = 1000;

/**
 * A pattern that is matched in time linear in the text, as Envoy's own (RE2) are: V8's engine for that refuses back-references and look-around.
 * It is found anywhere in the text. Throws a SyntaxError for what is no such pattern.
 */
export function linearPattern(source: string): RegExp {
  setFlagsFromString("--enable-experimental-regexp-engine");
  return new RegExp(source, "l");
}

/** `text` is `undefined` where there is none. */
export function matches(matcher: Matcher, text: string | undefined): boolean {
  if (matcher.kind === "absent") return text === undefined;
  if (text === undefined) return false;
  switch (matcher.kind) {
    case "present":
      return true;
    case "exact":
      return text === matcher.text;
    case "prefix":
      return text.startsWith(matcher.text);
    case "suffix":
      return text.endsWith(matcher.text);
    case "contains":
      return text.includes(matcher.text);
    case "regex":
      return matcher.pattern.test(text);
    case "json":
      return isJson(text, matcher.value);
  }
}

function isJson(text: string, value: unknown): boolean {
  try {
    return isDeepStrictEqual(parseExactJson(text), value);
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

/** For people: `"text"`, `a text that contains "x"`. */
export function describeMatcher(matcher: Matcher): string {
  switch (matcher.kind) {
    case "absent":
      return "nothing";
    case "present":
      return "anything";
    case "exact":
      return JSON.stringify(matcher.text);
    case "prefix":
      return `a text that begins with ${JSON.stringify(matcher.text)}`;
    case "suffix":
      return `a text that ends with ${JSON.stringify(matcher.text)}`;
    case "contains":
      return `a text that contains ${JSON.stringify(matcher.text)}`;
    case "regex":
      return `a text that matches /${matcher.pattern.source}/`;
    case "json":
      return `the JSON ${printExactJson(matcher.value)}`;
  }
}
