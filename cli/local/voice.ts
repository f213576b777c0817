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
  /** What may come in any number: a request. Left out, and counted, while nobody reads what was told before. */
  passing(text: () => string): void;
  /** A line that a filter logged, likewise. */
  logged(filter: string, level: string, text: string): void;
  /** Without a time. */
  plain(text: string): void;
}

/** Longest line of a filter's log that is shown. */
const MAX_LOGGED = 4096;
/** Bytes that may wait for whoever reads them. */
const MAX_UNREAD = 1 << 20;

export function createVoice({ out, now, unread }: Pick<Terminal, "out" | "now" | "unread">, paint: Paint): Voice {
  let left = 0;
  const say = (text: string) => {
    const [first = "", ...rest] = text.trimEnd().split("\n");
    const below = rest.map((line) => (line === "" ? "\n" : `\n${" ".repeat(9)}${line}`)).join("");
    out(`${paint.faint(clock(now()))} ${first}${below}\n`);
  };
  const passing = (text: () => string) => {
    if (unread() > MAX_UNREAD) {
      left += 1;
      return;
    }
    const lines = left;
    left = 0;
    if (lines > 0) say(paint.bad(`${lines} requests and lines of logs are left out, since nobody read them`));
    say(text());
  };
  return {
    paint,
    say,
    passing,
    warn: (text) => say(paint.bad(text)),
    logged(filter, level, text) {
      const mark = /error|critical/.test(level) ? paint.bad : level === "warning" ? paint.busy : paint.faint;
      passing(() => `${paint.strong(filter)} ${mark(level)} ${clip(oneLine(text), MAX_LOGGED)}`);
    },
    plain: (text) => out(`${text}\n`),
  };
}

/** Local time of day. */
function clock(ms: number): string {
  return new Date(ms).toTimeString().slice(0, 8);
}
