import type { LogLevel, LogLine } from "../../../preflight/index.ts";
import type { Trap } from "../observed.ts";

/** `%t` thread, `%l` level, `%n` component, `%_` the message with its line breaks escaped. https://www.envoyproxy.io/docs/envoy/latest/operations/cli#cmdoption-log-format */
export const LOG_FORMAT = "@%t@%l@%n@%_";
/** The wasm component tells all that filters log; the other tells of each connection, which parts what came before from what comes after. */
export const LOG_COMPONENTS = "wasm:trace,conn_handler:debug";

/** A line of Envoy's log. */
export interface EnvoyLine {
  readonly thread: string;
  readonly level: string;
  readonly component: string;
  readonly text: string;
}

const LINE = /^@(\d+)@(\w+)@(\w+)@(.*)$/s;
const LEVELS: Readonly<Record<string, LogLevel>> = {
  warning: "warn",
  info: "info",
  debug: "debug",
  trace: "trace",
  error: "error",
  critical: "critical",
};
const FAULT = /^Function: (\w+) failed: (?:Uncaught RuntimeError: )?(.*)$/s;
const FRAME = /^\s*\d+:\s+0x[0-9a-f]+ - (.*)$/;

export function readLine(line: string): EnvoyLine | undefined {
  const [, thread, level, component, text] = LINE.exec(line) ?? [];
  if (thread === undefined || level === undefined || component === undefined || text === undefined) return undefined;
  return { thread, level, component, text: text.replaceAll("\\n", "\n") };
}

/** What the filter of this VM logged; `undefined`: the line is none of it. `prefixes`: how its lines begin. */
export function loggedBy({ level, component, text }: EnvoyLine, prefixes: readonly string[]): LogLine | undefined {
  const known = LEVELS[level];
  const prefix = component === "wasm" ? prefixes.find((each) => text.startsWith(each)) : undefined;
  return known === undefined || prefix === undefined ? undefined : { level: known, text: text.slice(prefix.length) };
}

/** What ended a VM. */
export function trapIn({ component, text }: EnvoyLine): Trap | undefined {
  const [, callback, rest = ""] = component === "wasm" ? (FAULT.exec(text) ?? []) : [];
  if (callback === undefined) return undefined;
  const [message = "", ...lines] = rest.split("\n");
  return { callback, message, stack: lines.flatMap((line) => FRAME.exec(line)?.[1] ?? []) };
}

/** The connection from this port of a client was taken. */
export function isKnock({ component, text }: EnvoyLine, port: number): boolean {
  return component === "conn_handler" && text.includes("new connection from") && text.includes(`127.0.0.1:${port}`);
}

/** What an Envoy wrote, as it comes. */
export class EnvoyJournal {
  /** Of its log. */
  readonly lines: EnvoyLine[] = [];
  /** How each exchange ended, in order. */
  private readonly ends: string[] = [];

  log(line: string): void {
    const read = readLine(line);
    if (read !== undefined && this.lines.length < MAX_LINES) this.lines.push(read);
  }

  /** A line of the access log. */
  access(line: string): void {
    const details = /"details":"([^"]*)"/.exec(line)?.[1];
    if (line.startsWith("{")) this.ends.push(details ?? "");
  }

  /** Exchanges that have ended. */
  ended(): number {
    return this.ends.length;
  }

  /** Of the exchange of this number; the first is 1. */
  details(number: number): string | undefined {
    return this.ends[number - 1];
  }

  /** Why it ended by itself, where it said so. */
  lastWords(): string | undefined {
    return this.lines.findLast(({ level, component }) => level === "critical" && component === "assert")?.text;
  }

  /** The thread that took a connection from this port. */
  threadOf(port: number): string | undefined {
    return this.lines.findLast((line) => isKnock(line, port))?.thread;
  }
}

/** Lines of the log that are kept. */
const MAX_LINES = 500_000;
