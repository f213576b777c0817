import assert from "node:assert/strict";
import { test } from "node:test";
import { readProducers } from "./producers.ts";

const PREAMBLE = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const name = (text: string) => [text.length, ...Buffer.from(text)];
const custom = (...content: number[]) => {
  const body = [...name("producers"), ...content];
  return Uint8Array.from([...PREAMBLE, 0, body.length, ...body]);
};

test("what made a module is read, and what is not well-formed tells nothing", () => {
  const fields = [2, ...name("language"), 1, ...name("Rust"), ...name(""), ...name("sdk"), 1, ...name("proxy-wasm"), ...name("0.2.3")];
  assert.deepEqual(readProducers(custom(...fields)), { language: ["Rust"], processedBy: [], sdk: ["proxy-wasm 0.2.3"] });
  const nothing = { language: [], processedBy: [], sdk: [] };
  assert.deepEqual(readProducers(Uint8Array.from(PREAMBLE)), nothing);
  assert.deepEqual(readProducers(custom(1, 9, 1)), nothing);
  assert.deepEqual(readProducers(custom(1, ...name("sdk"), 1, ...name("\u001b[2J"), ...name(""))), nothing);
  assert.deepEqual(readProducers(new Uint8Array(3)), nothing);
});
