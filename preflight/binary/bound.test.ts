import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { wasm } from "../testing/wat.ts";
import { readWasm, type WasmBinary } from "./binary.ts";
import { boundMemory } from "./bound.ts";

function read(bytes: Uint8Array): WasmBinary {
  const result = readWasm(bytes);
  assert.ok(result.ok);
  return result.value;
}

describe("boundMemory", () => {
  test("the maximum of a module's own memories is lowered, and nothing else changes", async () => {
    const cases = [
      ["(memory 1)", [{ min: 1, max: 500 }]],
      ["(memory 1 100)", [{ min: 1, max: 100 }]],
      ["(memory 1 65536)", [{ min: 1, max: 500 }]],
      ["(memory 700 800)", [{ min: 700, max: 700 }]],
      [
        '(import "env" "memory" (memory 3 9000)) (memory 2)',
        [
          { min: 3, max: 9000 },
          { min: 2, max: 250 },
        ],
      ],
    ] as const;
    for (const [memories, expected] of cases) {
      const before = await wasm(
        `(module ${memories} (func (export "f") (result i32) (memory.grow (i32.const 1))) (data (i32.const 0) "x"))`,
      );
      const after = boundMemory(before, read(before), 500);
      assert.deepEqual(
        read(after).memories.map(({ min, max }) => ({ min, max })),
        expected,
      );
      assert.deepEqual(read(after).exports, read(before).exports);
      new WebAssembly.Module(after);
    }
  });

  test("a bounded memory grows to its bound and no further", async () => {
    const code = await wasm(`(module (memory 1) (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(boundMemory(code, read(code), 10)));
    const grow = exports.grow as (pages: number) => number;
    assert.deepEqual([grow(9), grow(1)], [1, -1]);
  });

  test("a module without a memory of its own stays as it is", async () => {
    const code = await wasm(`(module (func (export "f")))`);
    assert.equal(boundMemory(code, read(code), 10), code);
  });
});
