import { describeLogs } from "../cases/report/failure.ts";
import type { LogLine } from "./types.ts";

/** The filter does not start: its configuration is wrong, or no proxy could load the module. */
export class FilterRefused extends Error {
  override readonly name = "FilterRefused";
  /** What it logged until then. */
  readonly logs: readonly LogLine[];

  constructor(message: string, logs: readonly LogLine[]) {
    super(`${message}${logText(logs)}`);
    this.logs = logs;
  }
}

/** The filter trapped, and a proxy answers 503 for it. */
export class FilterTrap extends Error {
  override readonly name = "FilterTrap";
  /** The callback that was running, such as `proxy_on_request_headers`. */
  readonly callback: string;
  /** Functions of the module, innermost first. Empty where it was built without names. */
  readonly functions: readonly string[];
  /** What it logged until then. */
  readonly logs: readonly LogLine[];

  constructor(message: string, at: Pick<FilterTrap, "callback" | "functions" | "logs">) {
    const stack = at.functions.map((name) => `\n  at ${name}`).join("");
    super(`${at.callback} trapped: ${message}${stack}${logText(at.logs)}`);
    this.callback = at.callback;
    this.functions = at.functions;
    this.logs = at.logs;
  }
}

function logText(logs: readonly LogLine[]): string {
  return logs.length === 0 ? "" : ["", "the filter's log:", ...describeLogs(logs)].join("\n");
}
