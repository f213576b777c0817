import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { takeOut } from "./wire.ts";

describe("encoded messages in parts", () => {
  test("a field that goes beyond its message is no field", () => {
    assert.throws(() => takeOut(Buffer.from([0x0a, 5, 1, 2]), 1, () => {}), /beyond its message/);
  });
});
