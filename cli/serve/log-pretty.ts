import { prettyFactory } from "pino-pretty";

/** What pino writes of itself; everything else on a line is a fact. */
const OWN = new Set(["level", "time", "msg"]);

/** Turns pino's JSON into `TIME LEVEL: message key=value ...`, one line a record. Runs in the caller: no stream, no worker thread. */
export function createPretty(color: boolean): (json: string) => string {
  return prettyFactory({
    colorize: color,
    translateTime: false,
    // Facts are printed by messageFormat, on the same line and escaped.
    hideObject: true,
    customPrettifiers: { time: (time) => String(time) },
    messageFormat: (record, key) => {
      const facts = Object.entries(record).filter(([name]) => !OWN.has(name));
      return [visible(String(record[key])), ...facts.map(([name, value]) => `${visible(name)}=${factText(value)}`)].join(" ");
    },
  });
}

/** A value as one word, or as quoted JSON. */
function factText(value: unknown): string {
  const plain = typeof value === "string" ? value : (JSON.stringify(value) ?? "undefined");
  return /^[\w./:@#+-]+$/.test(plain) ? plain : visible(JSON.stringify(plain));
}

/**
 * What strangers wrote must not act on the reader's terminal: control characters (C0, C1, DEL), line separators, and the characters
 * that reorder text (https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters) are shown as `\u001b`.
 */
function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const acting = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
  return text.replace(acting, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
