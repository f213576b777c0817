import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { coverageOf } from "../author/cases/coverage.ts";
import { parseCases } from "../author/cases/read/file.ts";
import { describeFailure } from "../author/cases/report/failure.ts";
import type { TestResult } from "../author/cases/result.ts";
import { runCase } from "../author/cases/run.ts";
import { createSandbox } from "../author/cases/sandbox/sandbox.ts";
import { SandboxThread } from "../author/cases/sandbox/thread.ts";
import { countEntries } from "../preflight/index.ts";
import { CELL, script } from "../preflight/testing/script.ts";
import { wasm } from "../preflight/testing/wat.ts";
import { createSnippets } from "./support/snippets.ts";
import { createTempFolder } from "./support/temp-folder.ts";

/** Runs the cases of a text against a module in the text format. */
async function run(module: Uint8Array, text: string, isStrict = false): Promise<TestResult[]> {
  const file = parseCases(text, "a.weir.yaml");
  assert.ok(file.ok, file.ok ? "" : file.error.message);
  const sandbox = createSandbox(module);
  assert.ok(sandbox.ok, sandbox.ok ? "" : sandbox.error.message);
  const results: TestResult[] = [];
  for (const one of file.value.cases) results.push(await runCase(one, sandbox.value, { isStrict }));
  return results;
}

const [REQUEST, RESPONSE] = [0, 2];

const refusingModule = wasm(script({ proxy_on_configure: { steps: [["proxy_log", 4, "configuration: no"]], returns: 0 } }));

const hello = wasm(script({ proxy_on_response_headers: { steps: [["proxy_add_header_map_value", RESPONSE, "x-hello", "world"]] } }));

const trapping = wasm(
  `(module (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) (i32.const 64))
      (func (export "proxy_abi_version_0_2_1"))
      (func $lost unreachable) (func $deep (call $lost))
      (func $on_request (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $deep) (i32.const 0)))`,
  { names: true },
);

/** What a failed case says. */
function said(result: TestResult | undefined): string {
  assert.ok(result?.failure !== undefined, `${result?.name} did not fail`);
  return describeFailure(result, result.failure).join("\n");
}

describe("a case", () => {
  test("passes when what it names is so, and what it does not name does not matter", async () => {
    const text = `cases:
  - name: named
    upstream: {status: 404, headers: {x-other: 1}, body: gone}
    expect: {upstream: {path: /}, response: {status: 404, headers: {x-hello: world, x-none: null}, body: {prefix: go}}, local: false}
  - name: nothing is named`;
    assert.deepEqual(
      (await run(await hello, text)).map(({ name, outcome, line }) => [name, outcome, line]),
      [
        ["named", "passed", 2],
        ["nothing is named", "passed", 5],
      ],
    );
  });

  test("tells what was expected beside what came, with the lines and the filter's log", async () => {
    const [failed] = await run(
      await hello,
      "cases:\n  - name: wrong\n    expect:\n      response:\n        status: 201\n        headers: {x-hello: me}",
    );
    assert.equal(
      said(failed),
      [
        ...["a.weir.yaml:5: response.status", '  expected  "201"', '  got       "200"'],
        ...["a.weir.yaml:6: response.headers.x-hello", '  expected  "me"', '  got       "world"'],
        ...["the filter's log:", "  info     proxy_on_response_headers proxy_add_header_map_value = 00"],
      ].join("\n"),
    );
  });

  test("fails when the filter traps, and tells in which functions", async () => {
    const [unexpected, expected] = await run(
      await trapping,
      "cases:\n  - name: a\n  - name: b\n    exchanges:\n      - expect: {trap: unreachable, response: {status: 503}}\n      - expect: {response: {status: 503}, upstream: null}",
    );
    assert.match(
      said(unexpected),
      /^a\.weir\.yaml:2: trap\n {2}expected {2}the filter goes on\n {2}got {7}it trapped in proxy_on_request_headers: unreachable\n/,
    );
    assert.match(said(unexpected), /trapped in proxy_on_request_headers: unreachable\n {2}at lost\n {2}at deep\n {2}at on_request$/);
    assert.equal(expected?.outcome, "passed");
  });

  test("fails when the filter holds the request for good, unless that is expected", async () => {
    const holding = await wasm(script({ proxy_on_request_headers: { steps: [], returns: 1 } }));
    const [unexpected, expected] = await run(
      holding,
      "cases:\n  - name: a\n  - name: b\n    expect: {held: request, response: null, upstream: null}",
    );
    assert.match(said(unexpected), /it holds the request for good/);
    assert.equal(expected?.outcome, "passed");
  });

  test("about the start alone passes when that is as expected", async () => {
    const text =
      "cases:\n  - name: a\n    expect: {start: refused, logs: [{level: error, text: {contains: configuration}}]}\n  - name: b\n  - name: c\n    expect: {start: accepted}";
    const [asExpected, other, wrong] = await run(await refusingModule, text);
    assert.equal(asExpected?.outcome, "passed");
    assert.match(
      said(other),
      /a\.weir\.yaml:4: start\n {2}expected {2}the filter starts\n {2}got {7}it is refused: proxy_on_configure returned false/,
    );
    assert.match(said(wrong), /a\.weir\.yaml:6: start/);
    assert.match(said((await run(await hello, "cases:\n  - name: a\n    expect: {start: refused}"))[0]), /got {7}it started/);
  });
});

describe("time", () => {
  test("stands still but for what advances it: timers fire at their time", async () => {
    const ticking = await wasm(
      script({
        proxy_on_configure: { steps: [["proxy_set_tick_period_milliseconds", 400]], returns: 1 },
        proxy_on_tick: { steps: [["proxy_get_current_time_nanoseconds", CELL]] },
      }),
    );
    const text = `clock: 1970-01-01T00:00:00Z
cases:
  - name: a
    exchanges:
      - advance: 399ms
        expect: {logs: []}
      - advance: 1ms
        expect: {logs: [proxy_on_tick proxy_get_current_time_nanoseconds = 00, 0084d71700000000]}
      - advance: 1s
        expect: {logs: [{prefix: proxy_on_tick}, 0008af2f00000000, {prefix: proxy_on_tick}, 008c864700000000]}
      - advance: 199ms
        expect: {logs: [{prefix: proxy_on_tick}]}`;
    const [result] = await run(ticking, text);
    assert.match(
      said(result),
      /a\.weir\.yaml:12: logs\[0\]\n {2}expected {2}a line: a text that begins with "proxy_on_tick"\n {2}got {7}no line/,
    );
  });
});

test("strict: what the case does not name fails it", async () => {
  const busy = await wasm(
    script({
      proxy_on_request_headers: {
        steps: [
          ["proxy_add_header_map_value", REQUEST, "x-up", "1"],
          ["proxy_get_header_map_value", RESPONSE, "x", CELL, CELL],
          ["proxy_log", 3, "careful"],
        ],
      },
      proxy_on_response_headers: { steps: [["proxy_add_header_map_value", RESPONSE, "x-hello", "world"]] },
    }),
  );
  const [bare] = await run(busy, "cases:\n  - name: a", true);
  assert.deepEqual(
    bare?.failure?.mismatches.map(({ got }) => got),
    [
      "proxy_get_header_map_value in proxy_on_request_headers was answered BadArgument",
      "it logged a line of level warn: careful",
      'upstream.headers.x-up was nothing and is "1"',
      'response.headers.x-hello was nothing and is "world"',
    ],
  );
  const [plain] = await run(await hello, "cases:\n  - name: a\n    expect: {response: {headers: {x-hello: world}}}", true);
  assert.equal(plain?.outcome, "passed");
});

test("the page about testing: every case in it is one", async () => {
  const page = await createSnippets("authors/testing");
  for (const name of page.names().filter((each) => each !== "typescript")) {
    const results = await run(name === "refused" ? await refusingModule : await hello, page.text(name));
    assert.deepEqual(
      results.filter(({ outcome }) => outcome !== "passed").map((result) => said(result)),
      [],
      name,
    );
  }
});

test("a callback that never returns ends its case, and no other; functions that were entered are counted", {
  timeout: 30_000,
}, async (t) => {
  const folder = await createTempFolder("cases-thread");
  t.after(() => folder.remove());
  const path = join(folder.path, "a.weir.yaml");
  const text = "cases:\n  - name: a\n  - name: loops\n    request: {headers: {x: 1}}\n  - name: b";
  await writeFile(path, text);
  const looping = await wasm(
    `(module (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1) (data (i32.const 8) "x")
      (func $malloc (export "malloc") (param i32) (result i32) (i32.const 64)) (func (export "proxy_abi_version_0_2_1"))
      (func $on_request (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (if (i32.eqz (call $get (i32.const 0) (i32.const 8) (i32.const 1) (i32.const 16) (i32.const 20))) (then (loop $on (br $on)))) (i32.const 0))
      (func $never (call $never)))`,
    { names: true },
  );
  const counting = countEntries(looping);
  assert.ok(counting.ok);
  const file = parseCases(text, "a.weir.yaml");
  assert.ok(file.ok);
  const thread = new SandboxThread(counting.value.bytes, { config: "", rootId: "" }, 2000);
  t.after(() => thread.stop());
  const counters = counting.value.functions.map(({ counter }) => counter);
  const answers = [];
  for (const [index, one] of file.value.cases.entries()) answers.push(await thread.run({ path, index, one }, false, counters));
  assert.deepEqual(
    answers.map(({ result }) => result.outcome),
    ["passed", "failed", "passed"],
  );
  assert.match(
    said(answers[1]?.result),
    /a\.weir\.yaml:3: time\n {2}expected {2}each callback of the filter returns\n {2}got {7}one runs for longer than 2 s: proxy_on_request_headers/,
  );
  const coverage = coverageOf(counting.value.functions, answers[0]?.counts ?? [], "c");
  assert.deepEqual(
    coverage.functions.map(({ name, count }) => [name, count]),
    [
      ["function 2", 0],
      ["on_request", 1],
      ["never", 0],
    ],
  );
});

test("the page about debugging: failures look as it says", async () => {
  const page = await createSnippets("authors/debugging");
  const silent = await wasm(script({ proxy_on_configure: { returns: 1, steps: [["proxy_log", 2, "no greeting in the configuration"]] } }));
  const [failed] = await run(silent, "cases:\n  - name: a\n    expect:\n      response:\n        headers: {x-hello: world}");
  const asInPage = (text: string) => text.replaceAll("a.weir.yaml", "tests/hello.weir.yaml");
  assert.equal(asInPage(said(failed)).replace(/\n {2}info {5}proxy_on_configure proxy_log = 00/, ""), page.text("failure").trimEnd());
  const [trapped] = await run(await trapping, "cases:\n  - name: a");
  assert.equal(asInPage(said(trapped)), page.text("trap").trimEnd());
});
