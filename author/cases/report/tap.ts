import type { TestResult } from "../result.ts";
import { describeFailure } from "./failure.ts";

/** The Test Anything Protocol: https://testanything.org/tap-version-14-specification.html */
export function renderTap(results: readonly TestResult[]): string {
  const lines = results.flatMap((test, index) => [point(test, index + 1), ...details(test)]);
  return ["TAP version 14", `1..${results.length}`, ...lines, ""].join("\n");
}

function point({ outcome, name, file, line, reason = "" }: TestResult, number: number): string {
  const skip = outcome === "skipped" ? ` # SKIP ${escaped(reason)}` : "";
  return `${outcome === "failed" ? "not ok" : "ok"} ${number} - ${escaped(`${name} (${file}:${line})`)}${skip}`;
}

/** A YAML block: https://testanything.org/tap-version-14-specification.html#yaml-diagnostics */
function details(test: TestResult): string[] {
  const time = `  duration_ms: ${test.duration.toFixed(3)}`;
  if (test.failure === undefined) return test.outcome === "skipped" ? [] : ["  ---", time, "  ..."];
  const lines = describeFailure(test, test.failure).map((line) => `    - ${JSON.stringify(line)}`);
  return ["  ---", time, "  severity: fail", `  at: ${JSON.stringify(`${test.file}:${test.line}`)}`, "  message:", ...lines, "  ..."];
}

/** `#` begins a directive, and a line is a test. */
function escaped(text: string): string {
  return text
    .replaceAll("\\", "\\\\")
    .replaceAll("#", "\\#")
    .replace(/[\r\n]+/g, " ");
}
