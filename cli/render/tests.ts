import { type Coverage, describeFailure, summary, type TestResult } from "../../author/index.ts";
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
  const { outcome, name, duration } = test;
  const reason = test.reason ?? test.note ?? "";
  const mark = { passed: paint.good("ok  "), failed: paint.bad("FAIL"), skipped: paint.busy("skip") }[outcome];
  const time = duration >= SLOW_MS ? paint.faint(` ${Math.round(duration)} ms`) : "";
  const head = `  ${mark} ${oneLine(name)}${time}${reason === "" ? "" : paint.faint(`: ${oneLine(reason)}`)}\n`;
  const failure = test.failure === undefined ? [] : describeFailure(test, test.failure);
  return head + failure.map((line) => `         ${line}\n`).join("");
}

const SLOW_MS = 100;

/** Functions that were never entered, that are named. */
const MAX_NAMED = 50;

/** How much of a module its cases reached. */
export function renderCoverage({ functions, all, entered }: Coverage, paint: Paint): string {
  const missed = functions.filter(({ count }) => count === 0);
  const reached = functions.length - missed.length;
  const share = functions.length === 0 ? 100 : (100 * reached) / functions.length;
  const names = missed.slice(0, MAX_NAMED).map(({ name }) => `  ${oneLine(name)}\n`);
  const more = missed.length > MAX_NAMED ? `  and ${missed.length - MAX_NAMED} more\n` : "";
  const head = `coverage: ${reached} of ${functions.length} functions of the filter (${share.toFixed(1)} %), ${entered} of ${all} of the module`;
  return `${paint.strong(head)}\n${missed.length === 0 ? "" : `never entered:\n${names.join("")}${more}`}`;
}
