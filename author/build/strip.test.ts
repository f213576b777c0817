import assert from "node:assert/strict";
import { test } from "node:test";
import { strip } from "./strip.ts";

const PREAMBLE = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const custom = (name: string, ...content: number[]) => [0, name.length + 1 + content.length, name.length, ...Buffer.from(name), ...content];
/** No types. */
const TYPES = [1, 1, 0];

test("custom sections go, names stay when they are asked for, and all else is as it was", () => {
  const module = Uint8Array.from([...PREAMBLE, ...custom("producers", 7), ...TYPES, ...custom("name", 1, 2), ...custom(".debug_info", 9)]);
  const plain = strip(module, false);
  assert.ok(plain.ok);
  assert.deepEqual([...plain.value.bytes], [...PREAMBLE, ...TYPES]);
  assert.deepEqual(plain.value.sections, [{ name: "type", isCustom: false, start: 8, end: 11 }]);
  const named = strip(module, true);
  assert.ok(named.ok);
  assert.deepEqual([...named.value.bytes], [...PREAMBLE, ...TYPES, ...custom("name", 1, 2)]);
  const again = strip(named.value.bytes, true);
  assert.deepEqual(again, named, "stripping twice is stripping once");
});

test("a module that is cut short is refused; one without sections is as it was", () => {
  const cut = strip(Uint8Array.from([...PREAMBLE, 1, 200, 1, 0]), false);
  assert.match(cut.ok ? "" : cut.error.message, /^the module is malformed at byte \d+: unexpected end/);
  const bare = strip(Uint8Array.from(PREAMBLE), false);
  assert.deepEqual(bare.ok && [...bare.value.bytes], PREAMBLE);
  const none = strip(new Uint8Array(), true);
  assert.deepEqual(none.ok && [...none.value.bytes], []);
});
