import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { bodyOf } from "../../../preflight/index.ts";
import type { Case } from "../case.ts";
import { parseCases } from "./file.ts";

function read(text: string): readonly Case[] {
  const file = parseCases(text, "a.weir.yaml", { config: "of the project", rootId: "" });
  assert.ok(file.ok, file.ok ? "" : file.error.message);
  return file.value.cases;
}

function refusal(text: string): string {
  const file = parseCases(text, "a.weir.yaml");
  assert.ok(!file.ok, "was accepted");
  return file.error.message;
}

/** A case with these lines below its name. */
const one = (...lines: string[]): string => ["cases:", "  - name: x", ...lines.map((line) => `    ${line}`)].join("\n");

describe("a file of cases", () => {
  test("what a case does not say has a default", () => {
    const [found] = read(one());
    assert.deepEqual([found?.name, found?.line, found?.steps.length, found?.setup.config], ["x", 2, 1, "of the project"]);
    const [step] = found?.steps ?? [];
    assert.ok(step?.kind === "exchange");
    assert.deepEqual(step.request.headers.slice(0, 4), [
      [":method", "GET"],
      [":path", "/"],
      [":authority", "example.com"],
      [":scheme", "http"],
    ]);
    assert.deepEqual(step.upstream, { headers: [[":status", "200"]], body: [], trailers: [] });
  });

  test("a case has the setup of its file, but for what it says itself", () => {
    const [first, second] = read(
      [
        "config: {a: 9007199254740993}",
        "env: {A: b}",
        "cases:",
        "  - name: x",
        "  - name: y",
        "    config: text",
        "    clock: 2026-01-31T12:00:00Z",
      ].join("\n"),
    );
    assert.deepEqual([first?.setup.config, first?.setup.clock], ['{"a":9007199254740993}', undefined]);
    assert.deepEqual([second?.setup.config, second?.setup.clock], ["text", Date.UTC(2026, 0, 31, 12)]);
    assert.deepEqual(second?.setup.env, [{ name: "A", value: "b" }]);
  });

  test("headers come in order, in lower case, one for each value; bodies as text, JSON or bytes, whole or in chunks", () => {
    const [found] = read(
      one(
        "request:",
        "  headers: {X-B: [1, two], accept: '*/*'}",
        "  chunks: [one, {json: {a: 1}}, {base64: AAE=}]",
        "  trailers: {X-Sum: 1}",
        "upstream: {status: 404, body: no}",
      ),
    );
    const [step] = found?.steps ?? [];
    assert.ok(step?.kind === "exchange");
    assert.deepEqual(step.request.headers.slice(4, 7), [
      ["x-b", "1"],
      ["x-b", "two"],
      ["accept", "*/*"],
    ]);
    assert.deepEqual(
      step.request.body.map((chunk) => Buffer.from(chunk).toString("latin1")),
      ["one", '{"a":1}', "\0\u0001"],
    );
    assert.deepEqual(step.request.trailers, [["x-sum", "1"]]);
    assert.deepEqual([step.upstream.headers[0]?.[1], bodyOf(step.upstream).toString()], ["404", "no"]);
  });

  test("an expected value knows its line", () => {
    const [found] = read(
      one("expect:", "  response:", "    status: 200", "    headers:", "      X-A: {prefix: b}", "  logs: [{level: warn, text: a}, b]"),
    );
    const [step] = found?.steps ?? [];
    const response = step?.expect.response?.value;
    assert.ok(response !== undefined && response !== "none");
    assert.deepEqual(
      response.headers.map(({ name, path, line, value }) => [name, path, line, value]),
      [
        [":status", "response.status", 5, { kind: "exact", text: "200" }],
        ["x-a", "response.headers.x-a", 7, { kind: "prefix", text: "b" }],
      ],
    );
    assert.deepEqual(
      step?.expect.logs?.map(({ value }) => value.level),
      ["warn", undefined],
    );
  });
});

describe("what is wrong in a file of cases is told with its line", () => {
  const rows: readonly (readonly [string, string, RegExp])[] = [
    ["an unknown key, with the nearest one", one("expct: {}"), /^a\.weir\.yaml:3: cases\[0\]\.expct is not known; did you mean expect$/],
    [
      "a typo deep inside",
      one("expect:", "  response:", "    header: {}"),
      /^a\.weir\.yaml:5: .*header is not known; did you mean headers$/,
    ],
    [
      "a typo in a matcher",
      one("expect: {response: {body: {contain: x}}}"),
      /^a\.weir\.yaml:3: .*contain is not known; did you mean contains$/,
    ],
    ["no cases", "cases: []", /^a\.weir\.yaml:1: cases holds no cases/],
    ["no map", "- a", /^a\.weir\.yaml:1: the file holds no cases/],
    ["no name", "cases:\n  - request: {}", /^a\.weir\.yaml:2: cases\[0\] has no name/],
    ["a name twice", "cases:\n  - name: a\n  - name: a", /^a\.weir\.yaml:3: cases\[1\]\.name is the name of a case above/],
    ["body beside chunks", one("request: {body: a, chunks: [b]}"), /:3: .*chunks stands beside body/],
    ["an empty chunk", one("request: {chunks: [a, '']}"), /:3: .*chunks\[1\] is empty/],
    ["a status that is none", one("upstream: {status: 99}"), /:3: .*status must be a whole number from 200 to 599/],
    ["a fraction in the place of a text", one("request: {headers: {a: 1.5}}"), /:3: .*a must be a text: put "" around it/],
    ["a header with a line break", one('request: {headers: {a: "b\\r\\nc: d"}}'), /:3: .*a has a line break/],
    ["a header that is no name", one("request: {headers: {':path': /}}"), /:3: .*:path is no name of a header/],
    ["a path with a space", one("request: {path: /a b}"), /:3: .*path must begin with \//],
    [
      "a pattern with a back-reference",
      one("expect: {response: {body: {regex: '(a)\\1'}}}"),
      /:3: .*regex is no pattern that can be matched in linear time/,
    ],
    [
      "a pattern without an end",
      one("expect: {response: {body: {regex: '(a+)+$('}}}"),
      /:3: .*regex is no regular expression: unterminated group; correct it$/,
    ],
    [
      "two documents",
      "cases: [{name: a}]\n---\ncases: [{name: b}]",
      /^a\.weir\.yaml:2: a second document begins here; one document a file: make a file of each$/,
    ],
    ["two matchers", one("expect: {response: {body: {prefix: a, suffix: b}}}"), /:3: .*body must say one of/],
    ["a time that is none", one("exchanges: [{advance: soon}]"), /:3: .*advance must be a time such as/],
    ["an exchange beside exchanges", one("request: {}", "exchanges: [{advance: 1s}]"), /:3: .*request stands beside exchanges/],
    ["a request of a start", one("request: {}", "expect: {start: refused}"), /:3: .*request stands beside expect\.start/],
    ["a callout without a cluster", "callouts: [{response: {}}]\ncases: [{name: a}]", /:1: callouts\[0\] has no cluster/],
    [
      "an answer beside a failure",
      "callouts: [{cluster: a, failure: timeout, response: {}}]\ncases: [{name: a}]",
      /:1: .*failure stands beside response/,
    ],
    [
      "a failure that is none",
      "callouts: [{cluster: a, failure: tired}]\ncases: [{name: a}]",
      /:1: .*failure must be one of timeout, refused, reset/,
    ],
    ["a level that is none", one("expect: {logs: [{level: loud}]}"), /:3: .*level must be one of trace, debug/],
    ["base64 that is none", one("request: {body: {base64: '???'}}"), /:3: .*base64 is no base64/],
    ["a local time", one("clock: 2026-01-31"), /:3: .*clock must be a time such as/],
  ];
  for (const [what, text, message] of rows) test(what, () => assert.match(refusal(text), message));
});
