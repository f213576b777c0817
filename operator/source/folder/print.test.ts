import assert from "node:assert/strict";
import { test } from "node:test";
import { addMissing, patchYaml } from "./document.ts";
import { printYaml } from "./print.ts";
import { toEnd } from "./steps.ts";
import { readYaml } from "./yaml.ts";

function read(text: string): unknown {
  const documents = toEnd(readYaml(text));
  return documents.ok ? documents.value[0]?.value : documents.error.message;
}

/** Texts that kubectl would read as something else, or not at all, without quotes. */
const TEXTS = [
  "on",
  "y",
  "No",
  "0777",
  "0B11",
  "0O17",
  "0x_1f",
  "1_000",
  "1e3",
  ".inf",
  "~",
  "",
  "2001-01-01",
  "<<",
  "-",
  "a: b",
  "a #b",
  "[x",
  "*a",
  "\u0085",
  "x\u2028y",
  "\x7f",
  "a\r\nb",
  "\t",
  "ä\n b\n",
];

test("what is printed is read as what it was", () => {
  for (const text of TEXTS)
    assert.deepEqual(read(printYaml({ [text]: { text, list: [text] } })), { [text]: { text, list: [text] } }, JSON.stringify(text));
  const numbers = { a: 9007199254740993n, b: 1e300, c: -0.5, d: 1e-7, e: true, f: null, g: {}, h: [] };
  assert.deepEqual(read(printYaml(numbers)), numbers);
});

test("an object that is written again, as no place was simple enough for a change, keeps the meaning of what it has", () => {
  const scalars =
    "{a: yes, b: 0777, c: 1_000, d: ~, e: , f: 9007199254740993, g: !!int '5', h: 1e400, i: \"\\L \\N \\x7f\", j: 'on', k: .5_0, l: !!binary eA==}";
  const text = `metadata: &m {name: a}\nspec:\n  config: ${scalars}\n  annotations:\n`;
  const before = read(text) as { spec: object };
  const { text: added, added: which } = addMissing(text, [
    { path: ["spec", "annotations", "x"], value: "true" },
    { path: ["spec", "config"], value: "kept" },
    { path: ["spec", "none"], value: undefined },
  ]);
  assert.deepEqual(which, [{ path: ["spec", "annotations", "x"], value: "true" }]);
  assert.deepEqual(read(added), { ...before, spec: { ...before.spec, annotations: { x: "true" } } });
  const patched = patchYaml(text, ["spec", "annotations", "weir.dev/y"], "0777");
  assert.deepEqual(read(patched), { ...before, spec: { ...before.spec, annotations: { "weir.dev/y": "0777" } } });
  assert.deepEqual(read(patchYaml(patched, ["spec", "annotations", "weir.dev/y"], undefined)), {
    ...before,
    spec: { ...before.spec, annotations: {} },
  });
});
