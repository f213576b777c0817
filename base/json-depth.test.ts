import assert from "node:assert/strict";
import { test } from "node:test";
import { hasMoreValues, isNestedDeeper } from "./json-depth.ts";

const nested = (depth: number) => `${'[{"a":'.repeat(depth / 2)}1${"}]".repeat(depth / 2)}`;

test("lists and objects count, one in the other; what is in strings does not", () => {
  assert.equal(isNestedDeeper(nested(10), 10), false);
  assert.equal(isNestedDeeper(nested(12), 10), true);
  assert.equal(isNestedDeeper(JSON.stringify({ "[[[[": '{{"\\"{{', b: "\\" }), 1), false);
  assert.equal(isNestedDeeper(JSON.stringify([["\\"], [[]]]), 2), true);
});

test("a text of siblings is no deeper than one of them, and a broken one ends", () => {
  assert.equal(isNestedDeeper(`[${"[],".repeat(1_000)}[]]`, 2), false);
  assert.equal(isNestedDeeper('["', 2), false);
  assert.equal(isNestedDeeper('["\\', 2), false);
});

test("values are counted by their commas, not those in strings", () => {
  assert.equal(hasMoreValues('{"a,b":",,,,","c":[1,2]}', 2), false);
  assert.equal(hasMoreValues('{"a,b":",,,,","c":[1,2]}', 1), true);
});
