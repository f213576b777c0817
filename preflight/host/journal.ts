import type { LogLevel } from "./status.ts";

export interface LogLine {
  readonly level: LogLevel;
  readonly text: string;
}

/** What a plugin did besides answering, in order; bounded, whatever the plugin does. */
export interface Journal {
  log(level: LogLevel, text: string): void;
  /** A short line for people about something that is no log: a call, a timer, a refused host function. Said once each. */
  note(text: string): void;
  logs(): readonly LogLine[];
  /** All lines logged, those dropped included. */
  logCount(): number;
  notes(): readonly string[];
}

export interface JournalLimits {
  readonly lines: number;
  /** Characters of a line. */
  readonly lineLength: number;
}

export function createJournal({ lines, lineLength }: JournalLimits): Journal {
  const logs: LogLine[] = [];
  const notes = new Set<string>();
  let count = 0;
  return {
    log(level, text) {
      count += 1;
      if (logs.length >= lines) logs.shift();
      logs.push({ level, text: text.slice(0, lineLength) });
    },
    note(text) {
      if (notes.size < lines) notes.add(text.slice(0, lineLength));
    },
    logs: () => [...logs],
    logCount: () => count,
    notes: () => [...notes],
  };
}
