import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { startCpuTime } from "../../../base/cpu-time.ts";
import { readManifest } from "./manifest.ts";
import { readYaml } from "./yaml.ts";

/** What a text is read as, and the most CPU milliseconds that it took in one go. */
function read(text: string) {
  const steps = readYaml(text);
  let longest = 0;
  for (;;) {
    const taken = startCpuTime();
    const { done, value } = steps.next();
    longest = Math.max(longest, taken());
    if (done === true) return { longest, said: value.ok ? value.value[0]?.value : value.error.message };
  }
}

/** Numbers in [0, below), the same in each run. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
}

const FRAGMENTS = [
  "x",
  "wörter ",
  "\\n",
  "\\\\",
  "\\x41",
  "\\u00e9",
  "\\U0001f600",
  '\\"',
  "\\ ",
  "\\\t",
  "\\\n    ",
  "\n  ",
  "\n\n  ",
  " \n   ",
  "\r\n  ",
  "  ",
  "\t",
  "'",
  "# ",
  ": ",
  "\\\\\\\\",
];

describe("a long text in double quotes", () => {
  test("says what it says in the library, wherever it is cut", () => {
    const random = createRandom(7);
    for (let round = 0; round < 60; round++) {
      // A few fragments a text, so that places without a good cut come up too.
      const some = Array.from({ length: 1 + random(5) }, () => FRAGMENTS[random(FRAGMENTS.length)] ?? "");
      let body = "";
      while (body.length < 40_000) body += some[random(some.length)];
      const text = `a: "${body}z"\nb: [1, "${body}z", {c: !!str "${body}z"}]\n`;
      const want = parse(text, { strict: true, logLevel: "error" });
      const { said } = read(text);
      if (typeof said === "string") assert.match(said, /more than 100,000 tokens/);
      else assert.deepEqual(said, want, JSON.stringify(some));
    }
  });

  test("keeps its place: keys, anchors and what follows it", () => {
    const long = "k ".repeat(2_000);
    const { said } = read(`? "${long}"\n: &a "${long}"\nb: *a\nc: ["${long}", "${long}"]\nd: 1\n`);
    assert.deepEqual(said, { [long]: long, b: long, c: [long, long], d: 1 });
    const twice = read(`? "${long}"\n: 1\n? "${long}"\n: 2\n`);
    assert.equal(twice.said, "line 3, column 3: this map has the name already; keep one of the two");
    assert.match(String(read(`"${long}\n x": 1`).said), /^line 1, column 1: not YAML: Implicit keys need to be on a single line/);
  });

  test("holds nothing up, however it is made", (t) => {
    const size = 1_500_000;
    const texts = {
      letters: `a: "${"x".repeat(size)}"`,
      escapes: `a: "${"\\x41".repeat(size / 4)}"`,
      backslashes: `a: "${"\\\\".repeat(size / 2)}"`,
      blanks: `a: "x${" ".repeat(size)}y"`,
      "300 of them": Array.from({ length: 300 }, (_, i) => `k${i}: "${"x".repeat(size / 300)}"`).join("\n"),
      "one that is not closed": `a: "${"x".repeat(size)}`,
    };
    for (const [what, text] of Object.entries(texts)) {
      const { longest } = read(text);
      t.diagnostic(`${what}: ${longest.toFixed(0)} ms of CPU in one go at most`);
      assert.ok(longest < 100, `${what}: ${longest} ms`);
    }
  });

  test("a place that is wrong is told as before, and what is nothing but wrong ends at once", (t) => {
    const wrong = `a: 1\nb: "${"x".repeat(20_000)}\\q${"\\q".repeat(500_000)}"\n`;
    const { said, longest } = read(wrong);
    assert.equal(said, "line 2, column 20005: not YAML: Invalid escape sequence \\q");
    t.diagnostic(`1 MB of wrong escapes: ${longest.toFixed(1)} ms`);
    assert.ok(longest < 100, `${longest} ms`);
    for (const text of [`a: [${",".repeat(90_000)}]`, `a: ${"!x ".repeat(40_000)}`, `a: [${"!foo x,".repeat(15_000)}]`]) {
      const found = read(text);
      assert.ok(found.longest < 100, `${text.slice(0, 20)}: ${found.longest} ms`);
    }
    const short = readManifest(`a: [1, {b: @x}]\n`, "yaml");
    assert.equal(short.ok ? "" : short.error.message, "line 1, column 12: not YAML: Plain value cannot start with reserved character @");
  });
});
