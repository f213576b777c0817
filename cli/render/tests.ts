import { describeFailure, summary, type TestResult } from "../../author/index.ts";
import { oneLine } from "../../base/text.ts";
import type { Paint } from "./paint.ts";

/** Tests for a screen: a line each, below a failed one what was wrong, and a sum at the end. */
export function renderTests(results: readonly TestResult[], paint: Paint): string {
  const files = Map.groupBy(results, ({ file }) => file);
  const parts = [...files].map(([file, tests]) => `${paint.strong(file)}\n${tests.map((test) => renderTest(test, paint)).join("")}`);
  const isGood = results.every(({ outcome }) => outcome !== "failed");
  const sum = summary(results);
  return `${parts.join("\n")}\n${isGood ? paint.good(sum) : paint.bad(sum)}\n`;
}

function renderTest(test: TestResult, paint: Paint): string {
  const { outcome, name, duration, reason = "" } = test;
  const mark = { passed: paint.good("ok  "), failed: paint.bad("FAIL"), skipped: paint.busy("skip") }[outcome];
  const time = duration >= SLOW_MS ? paint.faint(` ${Math.round(duration)} ms`) : "";
  const head = `  ${mark} ${oneLine(name)}${time}${reason === "" ? "" : paint.faint(`: ${oneLine(reason)}`)}\n`;
  const failure = test.failure === undefined ? [] : describeFailure(test, test.failure);
  return head + failure.map((line) => `         ${line}\n`).join("");
}

const SLOW_MS = 100;
