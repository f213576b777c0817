import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createHeaderMap, decodePairs, encodePairs } from "./headers.ts";

describe("the wire form of pairs", () => {
  test("pairs survive the wire form", () => {
    const pairs = fc.array(fc.tuple(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" })), { maxLength: 50 });
    fc.assert(fc.property(pairs, (list) => assert.deepEqual(decodePairs(encodePairs(list)), list)));
  });

  test("bytes that are no pairs read as none", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => assert.ok(Array.isArray(decodePairs(bytes)))));
    const good = encodePairs([["a", "b"]]);
    assert.deepEqual(decodePairs(good.subarray(0, good.length - 1)), []);
    assert.deepEqual(decodePairs(Uint8Array.from([...good, 0])), []);
    assert.deepEqual(decodePairs(Uint8Array.of(0xff, 0xff, 0xff, 0xff)), []);
  });
});

describe("createHeaderMap", () => {
  test("names are found whatever their case, replaced as one, and kept in order", () => {
    const map = createHeaderMap([
      ["A", "1"],
      ["b", "2"],
      ["a", "3"],
    ]);
    assert.equal(map.get("a"), "1");
    map.replace("A", "4");
    assert.deepEqual(map.pairs(), [
      ["b", "2"],
      ["a", "4"],
    ]);
    assert.equal(map.byteSize(), 4);
  });
});
