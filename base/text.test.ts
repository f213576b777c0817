import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { clip, count, escapeOutput, escapeText, oneLine } from "./text.ts";

describe("oneLine", () => {
  test("shows what could move a cursor, on one line", () => {
    assert.equal(oneLine("a\nb\r\n\tc"), "a b c");
    assert.equal(oneLine("bad\u001b]0;title\u0007 \u009b2J thing\u0000"), "bad\\u001b]0;title\\u0007 \\u009b2J thing\\u0000");
  });
});

describe("clip", () => {
  test("keeps what fits and marks what was cut", () => {
    assert.equal(clip("abc", 3), "abc");
    assert.equal(clip("abcd", 3), "ab…");
  });
});

test("count gives a number with its noun", () => {
  const said = [count(1, "proxy"), count(0, "proxy"), count(2, "memory page"), count(1, "byte", " of 3"), count(2, "day")];
  assert.deepEqual(said, ["1 proxy", "0 proxies", "2 memory pages", "1 byte of 3", "2 days"]);
});

describe("escapeText", () => {
  test("shows every control character, separator and reordering character, and changes nothing else", () => {
    const acting = [...range(0, 0x1f), ...range(0x7f, 0x9f), 0x61c, 0x200e, 0x200f, ...range(0x2028, 0x202e), ...range(0x2066, 0x2069)];
    for (const code of range(0, 0xffff)) {
      const text = String.fromCharCode(code);
      const shown = acting.includes(code) ? `\\u${code.toString(16).padStart(4, "0")}` : text;
      assert.equal(escapeText(text), shown, code.toString(16));
    }
  });

  test("a JSON document stays the same data", () => {
    const value = { text: "a\u009bb\u202ec\u2028d\ne\u007f" };
    assert.deepEqual(JSON.parse(escapeOutput(JSON.stringify(value, null, 2), false)), value);
  });
});

describe("escapeOutput", () => {
  test("keeps line ends and tabs, and colours only where there are colours", () => {
    assert.equal(escapeOutput("a\n\tb\r\u001b[2K", true), "a\n\tb\\u000d\\u001b[2K");
    assert.equal(escapeOutput("\u001b[32mgood\u001b[39m", true), "\u001b[32mgood\u001b[39m");
    assert.equal(escapeOutput("\u001b[32mgood\u001b[39m", false), "\\u001b[32mgood\\u001b[39m");
    assert.equal(escapeOutput("\u001b[8mhidden\u001b[38;5;1m", true), "\\u001b[8mhidden\\u001b[38;5;1m");
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
