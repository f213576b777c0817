import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Digest } from "../../model/digest.ts";
import { type Log, silentLog } from "../../model/log.ts";
import { createModuleCache } from "./module-cache.ts";

const digestOf = (letter: string): Digest => `sha256:${letter.repeat(64)}`;
const [A, B, C] = [digestOf("a"), digestOf("b"), digestOf("c")];

/** A source of modules of 100 bytes that counts its reads. */
function setUp(maxBytes: number) {
  const reads: Digest[] = [];
  const read = async (wasmDigest: Digest) => {
    reads.push(wasmDigest);
    await new Promise(setImmediate);
    return new Uint8Array(100);
  };
  return { cache: createModuleCache({ source: { read }, maxBytes, log: silentLog }), reads };
}

describe("the cache of modules that were sent lately", () => {
  test("a module is in memory once it was loaded, and loads at the same time are one read", async () => {
    const { cache, reads } = setUp(1_000);
    assert.equal(cache.peek(A), undefined);
    const [first, second] = await Promise.all([cache.load(A), cache.load(A)]);
    assert.ok(first !== undefined && first === second);
    assert.equal(cache.peek(A), first);
    assert.equal(await cache.load(A), first);
    assert.deepEqual(reads, [A]);
  });

  test("beyond its bytes it lets go what was asked for least recently", async () => {
    const { cache, reads } = setUp(250);
    await cache.load(A);
    await cache.load(B);
    cache.peek(A);
    await cache.load(C);
    assert.equal(cache.peek(B), undefined);
    assert.ok(cache.peek(A) !== undefined && cache.peek(C) !== undefined);
    await cache.load(B);
    assert.deepEqual(reads, [A, B, C, B]);
  });

  test("with no room at all, or for a module larger than the room, it hands out what it keeps not", async () => {
    for (const maxBytes of [0, 99]) {
      const { cache } = setUp(maxBytes);
      assert.equal((await cache.load(A))?.byteLength, 100);
      assert.equal(cache.peek(A), undefined);
    }
  });

  test("what is missing is looked for again the next time, and a source that fails is logged", async () => {
    let answer: () => Promise<Uint8Array<ArrayBuffer> | undefined> = async () => undefined;
    const errors: string[] = [];
    const log: Log = { ...silentLog, error: (message) => errors.push(message) };
    const cache = createModuleCache({ source: { read: () => answer() }, maxBytes: 1_000, log });
    assert.equal(await cache.load(A), undefined);
    answer = () => Promise.reject(new Error("no disk"));
    assert.equal(await cache.load(A), undefined);
    assert.equal(errors.length, 1);
    answer = async () => new Uint8Array(1);
    assert.equal((await cache.load(A))?.byteLength, 1);
  });
});
