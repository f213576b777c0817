import { clip, oneLine } from "../../base/text.ts";
import type { Paint } from "../render/paint.ts";
import type { Terminal } from "../terminal.ts";

/** How a command that runs until it is stopped tells what happens: on stdout, each line with its time. */
export interface Voice {
  readonly paint: Paint;
  /** Lines below the first are indented under it. */
  say(text: string): void;
  /** As `say`, for what went wrong. */
  warn(text: string): void;
  /** A line that a filter logged. */
  logged(filter: string, level: string, text: string): void;
  /** Without a time. */
  plain(text: string): void;
}

/** Longest line of a filter's log that is shown. */
const MAX_LOGGED = 4096;

export function createVoice({ out, now }: Pick<Terminal, "out" | "now">, paint: Paint): Voice {
  const say = (text: string) => {
    const [first = "", ...rest] = text.trimEnd().split("\n");
    const below = rest.map((line) => (line === "" ? "\n" : `\n${" ".repeat(9)}${line}`)).join("");
    out(`${paint.faint(clock(now()))} ${first}${below}\n`);
  };
  return {
    paint,
    say,
    warn: (text) => say(paint.bad(text)),
    logged(filter, level, text) {
      const mark = /error|critical/.test(level) ? paint.bad : level === "warning" ? paint.busy : paint.faint;
      say(`${paint.strong(filter)} ${mark(level)} ${clip(oneLine(text), MAX_LOGGED)}`);
    },
    plain: (text) => out(`${text}\n`),
  };
}

/** Local time of day. */
function clock(ms: number): string {
  return new Date(ms).toTimeString().slice(0, 8);
}
