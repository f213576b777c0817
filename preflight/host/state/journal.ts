import type { LogLevel } from "../values/status.ts";

export interface LogLine {
  readonly level: LogLevel;
  readonly text: string;
}

/** What a plugin did besides answering, in order; bounded, whatever the plugin does. */
export interface Journal {
  /** `raw`: the text with its line breaks, where the plugin writes a line in pieces. */
  log(level: LogLevel, text: string, raw?: string): void;
  /** Starts listening for `errorText` anew. */
  listen(): void;
  /** What was logged as an error since, up to the first empty line: where a panic says what it is about. */
  errorText(): string;
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
  /** Told of each line, as it is kept. */
  readonly onLine?: ((line: LogLine) => void) | undefined;
}

const MAX_ERROR_TEXT = 200;

export function createJournal({ lines, lineLength, onLine }: JournalLimits): Journal {
  const logs: LogLine[] = [];
  const notes = new Set<string>();
  let count = 0;
  let heard = "";
  return {
    listen() {
      heard = "";
    },
    errorText: () => (heard.split(/\n\s*\n/)[0] ?? "").replace(/\s+/g, " ").trim().slice(0, MAX_ERROR_TEXT),
    log(level, text, raw = `${text}\n`) {
      count += 1;
      if ((level === "error" || level === "critical") && heard.length < 2 * MAX_ERROR_TEXT) heard += raw.slice(0, 2 * MAX_ERROR_TEXT);
      if (logs.length >= lines) logs.shift();
      const line = { level, text: text.slice(0, lineLength) };
      logs.push(line);
      onLine?.(line);
    },
    note(text) {
      if (notes.size < lines) notes.add(text.slice(0, lineLength));
    },
    logs: () => [...logs],
    logCount: () => count,
    notes: () => [...notes],
  };
}
