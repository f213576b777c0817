/** Levels and looks of log lines. Apart from log.ts, so that a command line can be read without loading the logger. */
export const LEVELS = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof LEVELS)[number];

export const FORMATS = ["auto", "text", "json"] as const;
export type Format = (typeof FORMATS)[number];

/** What `auto` stands for. A collector reads JSON; a person at a screen does not. */
export function formatFor(wanted: Format, onScreen: boolean): "text" | "json" {
  if (wanted !== "auto") return wanted;
  return onScreen ? "text" : "json";
}
