import type { Progress } from "../author/index.ts";
import { clip, oneLine } from "../base/text.ts";
import { renderProgress } from "./render/build.ts";
import type { Terminal } from "./terminal.ts";

/** A person who waits longer than this hears that the work goes on; milliseconds. */
const EVERY_MS = 10_000;
const MAX_LINE = 100;

export interface ProgressLine {
  tell(progress: Progress): void;
  stop(): void;
}

/** Tells on stderr what a build does: each step when it begins, and every 10 s how long it takes, with the latest line of the program that does it. */
export function startProgress(terminal: Terminal): ProgressLine {
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
      if (progress.step === "line") latest = progress.text;
      const words = renderProgress(progress);
      if (words === undefined) return;
      [current, latest, since] = [words, "", terminal.now()];
      terminal.err(`${words}\n`);
    },
    stop: () => clearInterval(timer),
  };
}
