import assert from "node:assert/strict";
import { test } from "node:test";
import { readText } from "./read-text.ts";

/** A stream of these chunks; `isOver` says whether its reader let it end. */
function stream(...chunks: readonly Uint8Array[]) {
  let read = 0;
  let isOver = false;
  return {
    read: () => read,
    isOver: () => isOver,
    async *[Symbol.asyncIterator]() {
      try {
        for (const chunk of chunks) {
          read += 1;
          yield chunk;
        }
      } finally {
        isOver = true;
      }
    },
  };
}

test("a character may be cut by chunks; as many bytes as allowed are read", async () => {
  const bytes = Buffer.from("né");
  assert.equal(await readText(stream(bytes.subarray(0, 2), bytes.subarray(2)), 3), "né");
  assert.equal(await readText(stream(), 0), "");
});

test("a stream that has more is left where that is known", async () => {
  const long = stream(Buffer.from("ab"), Buffer.from("cd"), Buffer.from("ef"));
  assert.equal(await readText(long, 3), undefined);
  assert.deepEqual([long.read(), long.isOver()], [2, true]);
});

test("what a stream throws is thrown", async () => {
  const broken: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error("gone")) }),
  };
  await assert.rejects(readText(broken, 1), /gone/);
});
