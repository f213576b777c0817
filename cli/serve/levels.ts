/** Levels and looks of log lines. Apart from log.ts, so that a command line can be read without loading the logger. */
export const LEVELS = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof LEVELS)[number];

/** `auto`: text on a screen, JSON otherwise. */
export const FORMATS = ["auto", "text", "json"] as const;
export type Format = (typeof FORMATS)[number];
