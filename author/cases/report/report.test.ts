import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestResult } from "../result.ts";
import { renderJunit } from "./junit.ts";
import { renderTap } from "./tap.ts";

const failure = {
  mismatches: [{ path: "response.status", line: 3, expected: '"200"', got: '"a&b<c>"' }],
  logs: [{ level: "info", text: "a\u0000\ud800b" } as const],
  trap: { callback: "proxy_on_log", message: "unreachable", stack: ["deep"] },
};
const RESULTS: readonly TestResult[] = [
  { file: "a.weir.yaml", line: 2, name: "passes # not a directive", outcome: "passed", duration: 1.5 },
  { file: "a.weir.yaml", line: 3, name: 'fails "so"\n<b>', outcome: "failed", duration: 2, failure },
  { file: "b.weir.yaml", line: 1, name: "is left out", outcome: "skipped", duration: 0, reason: "it sets the clock" },
];

test("JUnit: a suite for each file, counts, times in seconds, and nothing that XML cannot hold", () => {
  assert.equal(
    renderJunit(RESULTS),
    `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="3" failures="1" errors="0" skipped="1" time="0.004">
  <testsuite name="a.weir.yaml" tests="2" failures="1" errors="0" skipped="0" time="0.004">
    <testcase name="passes # not a directive" classname="a.weir.yaml" file="a.weir.yaml" line="2" time="0.002"/>
    <testcase name="fails &quot;so&quot;&#10;&lt;b&gt;" classname="a.weir.yaml" file="a.weir.yaml" line="3" time="0.002">
      <failure message="a.weir.yaml:3: response.status" type="failure">a.weir.yaml:3: response.status
  expected  "200"
  got       "a&amp;b&lt;c&gt;"
trapped in proxy_on_log: unreachable
  at deep
the filter's log:
  info     a\\u0000\\ud800b</failure>
    </testcase>
  </testsuite>
  <testsuite name="b.weir.yaml" tests="1" failures="0" errors="0" skipped="1" time="0.000">
    <testcase name="is left out" classname="b.weir.yaml" file="b.weir.yaml" line="1" time="0.000">
      <skipped message="it sets the clock"/>
    </testcase>
  </testsuite>
</testsuites>
`,
  );
});

test("TAP: a plan, a point for each test, its details as YAML, and what begins a directive escaped", () => {
  const text = renderTap(RESULTS);
  assert.deepEqual(
    text.split("\n").filter((line) => !line.startsWith(" ")),
    [
      "TAP version 14",
      "1..3",
      "ok 1 - passes \\# not a directive (a.weir.yaml:2)",
      'not ok 2 - fails "so" <b> (a.weir.yaml:3)',
      "ok 3 - is left out (b.weir.yaml:1) # SKIP it sets the clock",
      "",
    ],
  );
  assert.match(text, / {4}- "a\.weir\.yaml:3: response\.status"\n {4}- " {2}expected {2}\\"200\\""/);
});
