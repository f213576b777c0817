import assert from "node:assert/strict";
import { test } from "node:test";
import { createFrameReader, encodeHead, type Frame } from "./frame.ts";

const LIMITS = { header: 100, body: 100 };
const encoded = (header: unknown, body = ""): Buffer => Buffer.concat([encodeHead(header, body.length), Buffer.from(body)]);

test("frames come out as they went in, however the bytes are cut", () => {
  const sent = [encoded({ a: 1 }, "xyz"), encoded({ b: [] }), encoded("c", "w".repeat(100))];
  for (const size of [1, 2, 7, 1000]) {
    const got: Frame[] = [];
    const take = createFrameReader(LIMITS, (frame) => got.push(frame));
    const all = Buffer.concat(sent);
    for (let at = 0; at < all.length; at += size) take(all.subarray(at, at + size));
    assert.deepEqual(
      got.map(({ header, body }) => [header, body.toString()]),
      [
        [{ a: 1 }, "xyz"],
        [{ b: [] }, ""],
        ["c", "w".repeat(100)],
      ],
    );
  }
});

test("a frame over the limits is refused before it is kept", () => {
  for (const head of [encodeHead("x".repeat(100)), encodeHead({}, 101)]) {
    const take = createFrameReader(LIMITS, () => assert.fail("no frame"));
    assert.throws(() => take(head.subarray(0, 8)), RangeError);
  }
  assert.throws(() => createFrameReader(LIMITS, () => undefined)(Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0x7b])), SyntaxError);
});
