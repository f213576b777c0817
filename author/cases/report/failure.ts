import type { LogLine } from "../../../preflight/index.ts";
import type { CaseFailure, TestResult } from "../result.ts";

/** Log lines of a failure that are shown, the newest ones. */
const MAX_LOGS = 50;

/** What a failure says, a line each: where, expected beside got, the filter's log, and where it trapped. Not escaped for a screen. */
export function describeFailure({ file }: Pick<TestResult, "file">, failure: CaseFailure): string[] {
  const { mismatches, logs, trap, text } = failure;
  const dropped = logs.length - MAX_LOGS;
  return [
    ...mismatches.flatMap(({ path, line, expected, got }) => [`${file}:${line}: ${path}`, `  expected  ${expected}`, `  got       ${got}`]),
    ...(text === undefined ? [] : text.split("\n")),
    ...(trap === undefined ? [] : [`trapped in ${trap.callback}: ${trap.message}`, ...trap.stack.map((name) => `  at ${name}`)]),
    ...(trap !== undefined && trap.stack.length === 0 ? ["  the module has no names of functions; build it with names to see where"] : []),
    ...(logs.length === 0 ? [] : [dropped > 0 ? `the filter's log, without its first ${dropped} lines:` : "the filter's log:"]),
    ...describeLogs(logs),
  ];
}

/** The newest lines of a log. */
export function describeLogs(logs: readonly LogLine[]): string[] {
  return logs.slice(-MAX_LOGS).map(({ level, text }) => `  ${level.padEnd(8)} ${text}`);
}
