import { clip } from "../../base/text.ts";
import type { Facts } from "../../model/log.ts";

/** Longest text that is written of one fact, in characters: a log line stays a line. */
const LONGEST = 2_000;
const DEEPEST = 4;
/** Entries of one array or object. */
const MOST = 100;

/** Names whose values are never written, whoever logs them and however deep: credentials, and configuration texts, which may come from Secrets. */
const SECRET = /^(authorization|config|configuration|cookie|credentials|password|privatekey|secret|token)$/i;

/** Facts as they may be written: no secrets, texts with `tidyText`, errors as their message, and nothing deeper or longer than fits a log line. */
export function tidy(facts: Facts): Record<string, unknown> {
  return tidyObject(facts, DEEPEST);
}

/** At most `LONGEST` characters, and without credentials: those of a URL, and what follows `Bearer` or `Basic`. */
export function tidyText(text: string): string {
  return clip(text, LONGEST)
    .replace(/\b(bearer|basic)\s+[\w.~+/=-]{6,}/gi, "$1 [redacted]")
    .replace(/([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/?#@]{1,500}@/gi, "$1[redacted]@");
}

function tidyValue(value: unknown, depth: number): unknown {
  if (typeof value === "string") return tidyText(value);
  if (value instanceof Error) return tidyText(value.message);
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth === 0) return "…";
  if (Array.isArray(value)) return value.slice(0, MOST).map((item) => tidyValue(item, depth - 1));
  return tidyObject(value, depth - 1);
}

function tidyObject(value: object, depth: number): Record<string, unknown> {
  const entries = Object.entries(value).slice(0, MOST);
  return Object.fromEntries(entries.map(([name, item]) => [name, SECRET.test(name) ? "[redacted]" : tidyValue(item, depth)]));
}
