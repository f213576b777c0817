import { clip } from "../../base/text.ts";
import type { Facts } from "../../model/log.ts";

/** Longest text that is written of one fact, in characters: a log line stays a line. */
const LONGEST = 2_000;
const DEEPEST = 4;
/** Entries of one array or object. */
const MOST = 100;

/** Names whose values are never written, whoever logs them: credentials, and configuration texts, which may come from Secrets. */
const SECRETS = [
  "authorization",
  "Authorization",
  "config",
  "configuration",
  "cookie",
  "credentials",
  "password",
  "privateKey",
  "secret",
  "token",
];

/** The same, as pino's `redact` wants them: at the top and two levels down. */
export const SECRET_PATHS: string[] = SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/** Facts as they may be written: texts with `tidyText`, errors as their message, and nothing deeper or longer than a log line bears. */
export function tidy(facts: Facts): Record<string, unknown> {
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, tidyValue(value, DEEPEST)]));
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
  const entries = Object.entries(value).slice(0, MOST);
  return Object.fromEntries(entries.map(([name, item]) => [name, tidyValue(item, depth - 1)]));
}
