import assert from "node:assert/strict";
import { test } from "node:test";
import { pathRegex } from "./path-regex.ts";

const GOOD: Readonly<Record<string, string>> = {
  "/api/.*": "/api/[^?]*",
  "/(?:a|b)+?/\\d{2,5}": "/(?:a|b)+?/\\d{2,5}",
  "/[^/]+/x": "/[^?/]+/x",
  "/[^\\]?]\\.\\[": "/[^?\\]?]\\.\\[",
  "/\\D\\S\\W\\\\d": "/[^?\\d][^?\\s][^?\\w]\\\\d",
  "/[.*]{1000}": "/[.*]{1000}",
  "/(?:[a-z]{30}[0-9]{40}){20}(?:b{900}c{2}){1}": "/(?:[a-z]{30}[0-9]{40}){20}(?:b{900}c{2}){1}",
  "/a\\(?b": "/a\\(?b",
};

const BAD: Readonly<Record<string, RegExp>> = {
  "": /empty/,
  "/(a)\\1": /backreferences/,
  "/\\\\\\1": /backreferences/,
  "/\\bx": /escapes/,
  "/[\\b]": /escapes/,
  "/(?=a)": /lookaround/,
  "/(?<!a)b": /lookaround/,
  "/(?i)a": /only \(\?:/,
  "(?P<n>a)": /only \(\?:/,
  "/(": /not a regular expression/,
  "/a**": /not a regular expression/,
  "/a++": /not a regular expression/,
  "/[b-a]": /not a regular expression/,
  "/a\\": /not a regular expression/,
  "/a{": /not a regular expression/,
  "/a{1001}": /1000 times/,
  "/(?:a{500}b){3}": /1000 times/,
  "/(?:(?:a|b){40}){30}": /1000 times/,
  "/a\\?b": /query/,
  "/[!-~]": /query/,
  "/[a?]": /query/,
  "/[\\D]": /query/,
  "/[[:alpha:]]": /not a regular expression/,
  "/[a[:alpha]": /:alpha:/,
};

for (const [text, expected] of Object.entries(GOOD)) {
  test(`${text} is taken, and keeps out of the query`, () => {
    assert.deepEqual(pathRegex(text), { ok: true, regex: expected });
    assert.ok(!new RegExp(`^(?:${expected})$`, "u").test("?"));
  });
}

for (const [text, why] of Object.entries(BAD)) {
  test(`${text} is refused`, () => {
    const read = pathRegex(text);
    assert.match(read.ok ? "" : read.why, why);
  });
}
