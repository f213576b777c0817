import assert from "node:assert/strict";
import { test } from "node:test";
import { openYaml } from "./open.ts";
import type { Place } from "./place.ts";

function open(text: string): Place {
  const opened = openYaml(text, "a.yaml");
  assert.ok(opened.ok, opened.ok ? "" : opened.error.message);
  return opened.value;
}

function refusal(text: string): string {
  const opened = openYaml(text, "a.yaml");
  assert.ok(!opened.ok);
  return opened.error.message;
}

test("a place knows its line and its path", () => {
  const file = open("a: 1\nlist:\n  - one\n  - inner: true\n    empty:\n");
  const [, second] = file.get("list")?.items() ?? [];
  assert.deepEqual([second?.path, second?.line], ["list[1]", 4]);
  const empty = second?.get("empty");
  assert.deepEqual([empty?.path, empty?.line, empty?.value], ["list[1].empty", 5, null]);
  assert.equal(file.get("list")?.wrong("is too long").error.message, "a.yaml:2: list is too long");
});

test("an unknown key is told with its line and the nearest one, or with all", () => {
  const file = open("ok: 1\n\nlanguge: go\n");
  assert.equal(file.unknownKey(["ok", "language"])?.message, "a.yaml:3: languge is not known; did you mean language");
  assert.equal(file.unknownKey(["ok", "b"])?.message, "a.yaml:3: languge is not known; it takes ok, b");
  assert.equal(file.unknownKey(["ok", "languge"]), undefined);
});

test("values are as JSON has them, and whole numbers keep their digits", () => {
  assert.deepEqual(open("{a: 9007199254740993, b: [1, 1.5, null], c: yes}").value, { a: 9007199254740993n, b: [1, 1.5, null], c: "yes" });
  assert.deepEqual(open("a: &x {b: 1}\nc: *x\n").get("c")?.get("b")?.value, 1);
  assert.equal(open("").value, null);
});

test("what is no YAML is told with its line", () => {
  assert.match(refusal("a: 1\nb: [\n"), /^a\.yaml:\d: /);
  assert.match(refusal("a: 1\na: 2\n"), /^a\.yaml:2: the key stands here a second time/);
  assert.match(refusal("a: *gone\n"), /^a\.yaml/);
  assert.match(refusal("a: 1\n---\nb: 2\n"), /^a\.yaml:2: /);
});

test("what is made to cost much is refused", () => {
  const laughs = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
  for (let level = 1; level < 9; level++) laughs.push(`a${level}: &a${level} [${`*a${level - 1}, `.repeat(9)}]`);
  assert.match(refusal(laughs.join("\n")), /too many aliases/);
  assert.match(refusal("[".repeat(5_000)), /^a\.yaml is nested too deep/);
  const keys = Array.from({ length: 5_000 }, (_, index) => `k${index}: 1`);
  assert.match(refusal([...keys, "k7: 2"].join("\n")), /^a\.yaml:5001: the key stands here a second time/);
  assert.match(refusal("- ".repeat(5_000)), /^a\.yaml is nested too deep/);
});
