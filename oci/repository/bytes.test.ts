import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { printBytes, tooLarge } from "./bytes.ts";

describe("sizes in messages", () => {
  test("sizes are told in the unit that people think in, never rounded up to a limit that they are below", () => {
    assert.deepEqual([0, 380, 1023, 1024, 64 << 20, (64 << 20) - 1, 68_400_000].map(printBytes), [
      ...["0 bytes", "380 bytes", "1023 bytes", "1 KiB", "64 MiB", "63.9 MiB", "65.2 MiB"],
    ]);
  });

  test("what is a little beyond the limit is told in bytes, or both numbers would look the same", () => {
    assert.match(tooLarge("a.wasm", (64 << 20) + 1, 64 << 20), /^a\.wasm has 67108865 bytes; the limit is 67108864 bytes; build /);
    assert.match(tooLarge("a.wasm", 65 << 20, 64 << 20), /^a\.wasm has 65 MiB; the limit is 64 MiB; build /);
    assert.match(tooLarge("a.wasm", undefined, 64 << 20), /^a\.wasm has more than 64 MiB, which is the limit; build /);
  });
});
