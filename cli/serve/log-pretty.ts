import { prettyFactory } from "pino-pretty";
import { escapeText } from "../../base/text.ts";

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
      return [escapeText(String(record[key])), ...facts.map(([name, value]) => `${escapeText(name)}=${factText(value)}`)].join(" ");
    },
  });
}

/** A value as one word, or as quoted JSON. */
function factText(value: unknown): string {
  const plain = typeof value === "string" ? value : (JSON.stringify(value) ?? "undefined");
  return /^[\w./:@#+-]+$/.test(plain) ? plain : escapeText(JSON.stringify(plain));
}
