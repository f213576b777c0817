import type { Log } from "../../model/log.ts";

export const LEVELS = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof LEVELS)[number];

/** Longest value written of one fact: a log line stays a line. */
const LONGEST = 2_000;

function text(value: unknown): string {
  const plain = typeof value === "string" ? value : (JSON.stringify(value) ?? "undefined");
  const short = plain.length > LONGEST ? `${plain.slice(0, LONGEST)}…` : plain;
  return /^[\w./:@+-]+$/.test(short) ? short : JSON.stringify(short);
}

/** Log lines as `TIME LEVEL message key=value …`, or as one JSON object a line. */
export function createLog(format: "text" | "json", lowest: Level, write: (line: string) => void, now: () => number): Log {
  const line =
    (level: Level) =>
    (message: string, facts: Record<string, unknown> = {}) => {
      if (LEVELS.indexOf(level) < LEVELS.indexOf(lowest)) return;
      const time = new Date(now()).toISOString();
      if (format === "json") write(`${JSON.stringify({ time, level, message, ...facts })}\n`);
      else {
        const pairs = Object.entries(facts).map(([key, value]) => ` ${key}=${text(value)}`);
        write(`${time} ${level.toUpperCase().padEnd(5)} ${message}${pairs.join("")}\n`);
      }
    };
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}
