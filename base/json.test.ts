import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { canonicalJson, recordsOf, textsOf } from "./json.ts";

describe("canonicalJson", () => {
  test("orders the keys of every object, lists stay as they are", () => {
    assert.equal(canonicalJson({ b: [{ d: 1, c: 2 }, 0], a: null }), '{"a":null,"b":[{"c":2,"d":1},0]}');
    assert.equal(canonicalJson({ a: null, b: [{ c: 2, d: 1 }, 0] }), '{"a":null,"b":[{"c":2,"d":1},0]}');
  });
});

test("what is read of a value that may be anything: the items of a list by their fields, and fields that are texts", () => {
  assert.deepEqual(recordsOf([{ a: 1 }, 2, null, ["b"]]), [{ a: 1 }, {}, {}, {}]);
  for (const none of [undefined, null, {}, "ab"]) assert.deepEqual(recordsOf(none), []);
  assert.deepEqual(textsOf({ a: "1", b: 2, c: null, d: ["e"] }), { a: "1" });
  for (const none of [undefined, null, ["a"], "ab"]) assert.deepEqual(textsOf(none), {});
});
