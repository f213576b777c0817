import assert from "node:assert/strict";
import { test } from "node:test";
import { parseExactJson, printExactJson } from "./exact-json.ts";

/** A text, and what it is after it was read and printed. Without a second one: the same. */
const NUMBERS: readonly (readonly [string, string?])[] = [
  ["0"],
  ["-0", "0"],
  ["-1"],
  ["0.1"],
  ["1.0", "1"],
  ["9007199254740991"],
  ["9007199254740992"],
  ["9007199254740993"],
  ["-9007199254740993"],
  ["9223372036854775807"],
  ["-9223372036854775808"],
  // Beyond 64 bits, and with a point or an exponent, a number is a float64, as in the API server.
  ["9223372036854775808", "9223372036854776000"],
  ["-9223372036854775809", "-9223372036854776000"],
  ["9007199254740993.0", "9007199254740992"],
  ["1e300", "1e+300"],
  ["1e21", "1e+21"],
  ["1E5", "100000"],
  ["1e-7"],
  ["1".repeat(100), String(Number("1".repeat(100)))],
];

test("a number keeps the digits that the API server keeps, wherever it stands", () => {
  for (const [text, printed = text] of NUMBERS) {
    for (const [before, after] of [
      ["", ""],
      ["[", "]"],
      ['{"a":', "}"],
      ['{"a":[1,', ',{"b":"\\"9007199254740993"}]}'],
    ] as const)
      assert.equal(printExactJson(parseExactJson(before + text + after)), before + printed + after);
    assert.equal(printExactJson(parseExactJson(`[ 1,\n  ${text} ]`)), `[1,${printed}]`);
  }
});

test("texts of digits stay texts, and what JSON.parse refuses is refused", () => {
  for (const text of ['"9007199254740993"', '{"9007199254740993":1}', '{"__proto__":9007199254740993,"a":{"constructor":1}}'])
    assert.equal(printExactJson(parseExactJson(text)), text);
  for (const text of [
    "",
    "01",
    "[9007199254740993,]",
    "NaN",
    "1e400",
    "[-1e400]",
    "-1.5E+400",
    "[1e0400 ]",
    "1".repeat(400),
    '{"a":1e309}',
  ])
    assert.throws(() => parseExactJson(text), SyntaxError, text);
});

test("a value without such numbers is printed as JSON.stringify prints it", () => {
  for (const value of [undefined, null, 1, "x", [undefined, () => 1], { a: undefined, b: new Date(0) }, Number.NaN]) {
    assert.equal(printExactJson(value), JSON.stringify(value));
    assert.equal(printExactJson({ value }, 2), JSON.stringify({ value }, undefined, 2));
  }
  const loop: { self?: unknown } = {};
  loop.self = loop;
  assert.throws(() => printExactJson(loop), TypeError);
  assert.equal(printExactJson({ b: 9007199254740993n, a: [1] }, 1), '{\n "b": 9007199254740993,\n "a": [\n  1\n ]\n}');
});
