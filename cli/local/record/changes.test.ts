import assert from "node:assert/strict";
import { test } from "node:test";
import { renderExchange } from "../../render/exchange.ts";
import { createPaint } from "../../render/paint.ts";
import { changesOf } from "./changes.ts";
import { readExchange } from "./exchange.ts";

const line = (passed: Readonly<Record<string, unknown>>, status = 200) =>
  JSON.stringify({ method: "GET", path: "/after", status, ms: 3, details: status === 200 ? "via_upstream" : "wasm_reply", ...passed });

const body = (start: string, sum = start.length) => ({ size: start.length, sum, start });

function read(text: string, recorders: number) {
  const exchange = readExchange(text, recorders);
  assert.ok(exchange !== undefined);
  return exchange;
}

test("what a filter changed is what differs between the recorders beside it, on both ways", () => {
  const exchange = read(
    line({
      passed0: {
        request: [":method: GET", ":path: /before", "cookie: a", "cookie: b", "x-gone: 1"],
        requestBody: body("hello"),
        response: [":status: 200", "x-hello: world"],
        responseBody: body("same"),
        responseTrailers: ["t: 2"],
      },
      passed1: {
        request: [":method: GET", ":path: /after", "cookie: b", "cookie: c", "x-new: 1: 2"],
        requestBody: body("hellO", 6),
        response: [":status: 200"],
        responseBody: body("same"),
        responseTrailers: ["t: 1"],
      },
    }),
    2,
  );
  assert.deepEqual(changesOf(exchange), [
    {
      outcome: "passed",
      request: [
        { kind: "changed", part: "header", name: ":path", from: "/before", to: "/after" },
        { kind: "changed", part: "header", name: "cookie", from: "a", to: "c" },
        { kind: "removed", part: "header", name: "x-gone", value: "1" },
        { kind: "added", part: "header", name: "x-new", value: "1: 2" },
        { kind: "body", from: body("hello"), to: body("hellO", 6) },
      ],
      response: [
        { kind: "added", part: "header", name: "x-hello", value: "world" },
        { kind: "changed", part: "trailer", name: "t", from: "1", to: "2" },
      ],
    },
  ]);
  assert.equal(
    renderExchange(exchange, ["hello"], changesOf(exchange), createPaint(false)),
    [
      "GET /before 200 in 3 ms",
      "  hello  request   ~ :path: /before -> /after",
      "         request   ~ cookie: a -> c",
      "         request   - x-gone: 1",
      "         request   + x-new: 1: 2",
      '         request   ~ body: 5 bytes "hello" -> 5 bytes "hellO"',
      "         response  + x-hello: world",
      "         response  ~ trailer t: 1 -> 2",
      "",
    ].join("\n"),
  );
});

test("a request that ends at a filter went no further there, and never came to those behind it", () => {
  const answer = { response: [":status: 401"], responseBody: body("no") };
  const passed = { request: [":method: GET"], ...answer };
  const exchange = read(line({ passed0: { ...passed, requestBody: body("") }, passed1: passed, passed2: answer, passed3: answer }, 401), 4);
  const outcomes = changesOf(exchange).map(({ outcome }) => outcome);
  assert.deepEqual(outcomes, ["passed", "ended", "unreached"]);
  const text = renderExchange(exchange, ["a", "deny", "c"], changesOf(exchange), createPaint(false));
  assert.equal(text, "GET /after 401 in 3 ms  wasm_reply\n  deny  request   went no further\n");
});

test("a part that did not pass wholly is not compared, and a line that is no exchange is none", () => {
  const cut = read(line({ passed0: { request: ["a: 1"], requestBody: body("x") }, passed1: { request: ["a: 1"] } }), 2);
  assert.deepEqual(changesOf(cut)[0]?.request, []);
  assert.deepEqual(changesOf(read(line({}), 1)), []);
  for (const text of ["", "{", "[]", "{}", "null", '{"status":"x"}']) assert.equal(readExchange(text, 1), undefined, text);
});

test("what strangers wrote acts on no terminal, and long values are cut", () => {
  const evil = "\u001b[2J".repeat(100);
  const exchange = read(line({ passed0: { request: [`:path: /${evil}`] }, passed1: { request: [`:path: /`, `x: ${evil}`] } }), 2);
  const text = renderExchange(exchange, ["f"], changesOf(exchange), createPaint(true));
  assert.ok(!text.includes("\u001b[2J"));
  assert.ok(text.length < 1_500);
});
