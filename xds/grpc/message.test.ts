import assert from "node:assert/strict";
import { test } from "node:test";
import { frame, MessageReader } from "./message.ts";

/** What is given out when these pieces come. */
function readAll(pieces: readonly Buffer[]): string[] {
  const reader = new MessageReader(1_000_000);
  const messages: string[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    for (let next = reader.next(); typeof next === "object"; next = reader.next()) messages.push(next.toString("latin1"));
    reader.keep();
  }
  assert.equal(reader.buffered, 0);
  assert.equal(reader.held, 0);
  return messages;
}

test("messages come out whole, however their bytes were cut", () => {
  const texts = ["", "a", "x".repeat(70_000), "", "bc", "y".repeat(300)];
  const bytes = Buffer.concat(texts.map((text) => frame([Buffer.from(text)])));
  for (const size of [1, 2, 5, 7, 1_000, 16_384, bytes.length]) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
    assert.deepEqual(readAll(pieces), texts);
  }
});

test("a message that comes byte by byte is one buffer, at most twice what came, and copied a few times only", () => {
  const reader = new MessageReader(4_000_000);
  const buffers = new Set<unknown>();
  reader.push(Buffer.from([0, 0, 0x3d, 0x09, 0]));
  reader.keep();
  for (let count = 1; count <= 100_000; count++) {
    reader.push(Buffer.from([1]));
    reader.keep();
    assert.ok(reader.held <= 2 * (count + 5));
    buffers.add(reader.held);
  }
  assert.ok(buffers.size < 20, `${buffers.size} buffers`);
});

test("what is kept holds on to nothing that came with it", () => {
  const reader = new MessageReader(1_000);
  const slab = Buffer.alloc(65_536);
  frame([Buffer.from("whole")]).copy(slab, 65_000);
  slab.set([0, 0, 0, 0, 100, 1], 65_010);
  reader.push(slab.subarray(65_000, 65_016));
  assert.equal(String(reader.next()), "whole");
  reader.keep();
  assert.ok(reader.held < 20);
});
