import pino from "pino";
import type { Facts, Log } from "../../model/log.ts";
import type { Level } from "./levels.ts";
import { tidy, tidyText } from "./log-facts.ts";

export interface LogOptions {
  readonly format: "text" | "json";
  /** The least level that is written. */
  readonly level: Level;
  /** Colours, in text only. */
  readonly color?: boolean;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Takes whole lines. Called synchronously: the last line before the process ends is not lost. */
  write(line: string): void;
  /** Bytes of lines that wait for whoever reads them. Default: none do. */
  unread?(): number;
}

/** Of unread lines, in bytes: beyond it, lines below `error` are left out. A pipe whose reader stands still must not take the memory of the server. */
const MAX_UNREAD = 8 * 1024 * 1024;

/**
 * The port `Log` on pino. JSON: one object a line, `{"level":"info","time":"2026-...","msg":"...", facts}`. Text, for people: one line too, with
 * what was not written by Weir escaped. Values under the names of secrets, and credentials inside texts, are never written.
 */
export async function createLog({ format, level, color = false, now, write, unread = () => 0 }: LogOptions): Promise<Log> {
  const line = format === "text" ? await prettyLine(color) : (json: string) => json;
  let left = 0;
  const take = (json: string): void => {
    const waiting = unread();
    if (waiting > 2 * MAX_UNREAD || (waiting > MAX_UNREAD && !json.startsWith(ERROR))) {
      left += 1;
      return;
    }
    const lines = waiting > MAX_UNREAD ? 0 : left;
    left -= lines;
    if (lines > 0) logger.warn({ lines }, "log lines were left out, since nobody read them; see to what reads the log of this server");
    write(line(json));
  };
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(now()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: take },
  );
  return portOf(logger);
}

/** How pino begins a line of this level. */
const ERROR = '{"level":"error"';

/** pino-pretty is loaded only where it is used. */
async function prettyLine(color: boolean): Promise<(json: string) => string> {
  const { createPretty } = await import("./log-pretty.ts");
  return createPretty(color);
}

function portOf(logger: pino.Logger): Log {
  const writer = (level: Level) => (message: string, facts?: Facts) => {
    if (logger.isLevelEnabled(level)) logger[level](tidy(facts ?? {}), tidyText(message));
  };
  return {
    debug: writer("debug"),
    info: writer("info"),
    warn: writer("warn"),
    error: writer("error"),
    isDebug: logger.isLevelEnabled("debug"),
    child: (bindings) => portOf(logger.child(tidy(bindings))),
  };
}
