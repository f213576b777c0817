import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { canonicalJson } from "./json.ts";

describe("canonicalJson", () => {
  test("orders the keys of every object, lists stay as they are", () => {
    assert.equal(canonicalJson({ b: [{ d: 1, c: 2 }, 0], a: null }), '{"a":null,"b":[{"c":2,"d":1},0]}');
    assert.equal(canonicalJson({ a: null, b: [{ c: 2, d: 1 }, 0] }), '{"a":null,"b":[{"c":2,"d":1},0]}');
  });
});
