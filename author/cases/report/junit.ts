import { escapeUnit } from "../../../base/text.ts";
import type { TestResult } from "../result.ts";
import { describeFailure } from "./failure.ts";

/**
 * JUnit's XML, as CI systems read it: a suite for each file. https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd
 */
export function renderJunit(results: readonly TestResult[]): string {
  const files = Map.groupBy(results, ({ file }) => file);
  const suites = [...files].map(([file, tests]) => suite(file, tests));
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${counts(results)}>\n${suites.join("")}</testsuites>\n`;
}

function suite(file: string, tests: readonly TestResult[]): string {
  return `  <testsuite name="${attribute(file)}" ${counts(tests)}>\n${tests.map(testCase).join("")}  </testsuite>\n`;
}

function counts(tests: readonly TestResult[]): string {
  const number = (outcome: TestResult["outcome"]) => tests.filter((test) => test.outcome === outcome).length;
  const time = seconds(tests.reduce((sum, { duration }) => sum + duration, 0));
  return `tests="${tests.length}" failures="${number("failed")}" errors="0" skipped="${number("skipped")}" time="${time}"`;
}

function testCase(test: TestResult): string {
  const head = `    <testcase name="${attribute(test.name)}" classname="${attribute(test.file)}" file="${attribute(test.file)}" line="${test.line}" time="${seconds(test.duration)}"`;
  if (test.outcome === "skipped") return `${head}>\n      <skipped message="${attribute(test.reason ?? "")}"/>\n    </testcase>\n`;
  if (test.failure === undefined) return `${head}/>\n`;
  const [first = "it failed", ...rest] = describeFailure(test, test.failure);
  const text = [first, ...rest].join("\n");
  return `${head}>\n      <failure message="${attribute(first)}" type="failure">${content(text)}</failure>\n    </testcase>\n`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/** What XML 1.0 can hold: https://www.w3.org/TR/xml/#charsets */
const WRITABLE = /[\t\n\r -\ud7ff\ue000-\ufffd]|[\u{10000}-\u{10ffff}]/u;

function content(text: string): string {
  return [...text]
    .map((character) => (WRITABLE.test(character) ? character : escapeUnit(character)))
    .join("")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
}

function attribute(text: string): string {
  return content(text).replaceAll('"', "&quot;").replaceAll("\n", "&#10;").replaceAll("\t", "&#9;").replaceAll("\r", "&#13;");
}
