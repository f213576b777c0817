import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { join, slice, takeOut } from "./wire.ts";

const rope = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 8 });

describe("encoded messages in parts", () => {
  test("a slice of parts is the slice of what they make", () => {
    fc.assert(
      fc.property(rope, fc.nat(160), fc.nat(160), (parts, a, b) => {
        const whole = join(parts);
        const [start, end] = [Math.min(a, b), Math.max(a, b)];
        assert.deepEqual([...slice(parts, start, end)], [...whole.subarray(start, end)]);
      }),
    );
  });

  test("a slice within one part is no copy", () => {
    const code = Buffer.alloc(100);
    assert.equal(slice([Buffer.alloc(7), code], 17, 27).buffer, code.buffer);
  });

  test("a field that goes beyond its message is no field", () => {
    assert.throws(() => takeOut(Buffer.from([0x0a, 5, 1, 2]), 1, () => {}), /beyond its message/);
  });
});
