import { clip, oneLine } from "../base/text.ts";
import type { Terminal } from "./terminal.ts";

/** A person who waits longer than this hears that the work goes on; milliseconds. */
const EVERY_MS = 10_000;
const MAX_LINE = 100;

export interface ProgressLine<P> {
  tell(progress: P): void;
  stop(): void;
}

/**
 * Tells on stderr what goes on: each step when it begins, and every 10 s how long it takes, with the latest line of the program that does it.
 * `step` gives the words of a step, `line` such a line.
 */
export function startProgress<P>(
  terminal: Terminal,
  step: (progress: P) => string | undefined,
  line: (progress: P) => string | undefined,
): ProgressLine<P> {
  let current = "";
  let latest = "";
  let since = terminal.now();
  const timer = setInterval(() => {
    const seconds = Math.round((terminal.now() - since) / 1000);
    terminal.err(`  still ${current}, ${seconds} s${latest === "" ? "" : `: ${clip(oneLine(latest), MAX_LINE)}`}\n`);
  }, EVERY_MS);
  timer.unref();
  return {
    tell(progress) {
      latest = line(progress) ?? latest;
      const words = step(progress);
      if (words === undefined) return;
      [current, latest, since] = [words, "", terminal.now()];
      terminal.err(`${words}\n`);
    },
    stop: () => clearInterval(timer),
  };
}
