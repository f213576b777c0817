import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { clip, oneLine } from "./text.ts";

describe("oneLine", () => {
  test("takes away what could move a cursor", () => {
    assert.equal(oneLine("a\nb\r\n\tc"), "a b c");
    assert.equal(oneLine("bad\u001b]0;title\u0007 \u009b2J thing\u0000"), "bad ]0;title   2J thing");
  });
});

describe("clip", () => {
  test("keeps what fits and marks what was cut", () => {
    assert.equal(clip("abc", 3), "abc");
    assert.equal(clip("abcd", 3), "ab…");
  });
});
