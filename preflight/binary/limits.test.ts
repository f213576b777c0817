import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startCpuTime } from "../../base/cpu-time.ts";
import { binary, vector } from "../testing/binary.ts";
import { wasm } from "../testing/wat.ts";
import { readWasm } from "./binary.ts";
import { leb, section } from "./writer.ts";

const EMPTY_TYPE = [0x60, 0, 0];
const oneType = section(1, vector(1, EMPTY_TYPE));
const oneFunction = section(3, Uint8Array.of(1, 0));
const body = (content: Uint8Array): Uint8Array => section(10, Buffer.concat([Uint8Array.of(1, ...leb(content.length)), content]));
const sum = (count: number): number[] => [1, ...leb(count), 0x7f, 0x0b];

/** One more than the limit; `v8`: V8 has the limit too. */
const OVER: readonly { readonly what: string; readonly code: Uint8Array; readonly v8: boolean }[] = [
  { what: "types", code: binary(section(1, vector(1_000_001, EMPTY_TYPE))), v8: true },
  { what: "functions", code: binary(oneType, section(3, vector(1_000_001, [0]))), v8: true },
  { what: "imports", code: binary(oneType, section(2, vector(100_001, [0, 0, 0, 0]))), v8: false },
  { what: "exports", code: binary(oneType, oneFunction, section(7, vector(100_001, [0, 0, 0]))), v8: false },
  { what: "globals", code: binary(section(6, vector(1_000_001, [0x7f, 0, 0x41, 0, 0x0b]))), v8: true },
  { what: "tags", code: binary(oneType, section(13, vector(1_000_001, [0, 0]))), v8: true },
  { what: "tables", code: binary(section(4, vector(100_001, [0x70, 0, 0]))), v8: true },
  { what: "memories", code: binary(section(5, vector(101, [0, 0]))), v8: false },
  { what: "data segments", code: binary(section(11, vector(100_001, [1, 0]))), v8: true },
  { what: "element segments", code: binary(section(9, vector(10_000_001, [1, 0, 0]))), v8: true },
  {
    what: "parameters of a function",
    code: binary(section(1, Buffer.concat([Uint8Array.of(1, 0x60), vector(1001, [0x7f]), Uint8Array.of(0)]))),
    v8: true,
  },
  { what: "results of a function", code: binary(section(1, Buffer.concat([Uint8Array.of(1, 0x60, 0), vector(1001, [0x7f])]))), v8: true },
  { what: "fields of a struct", code: binary(section(1, Buffer.concat([Uint8Array.of(1, 0x5f), vector(10_001, [0x7f, 0])]))), v8: true },
  { what: "locals of a function", code: binary(oneType, oneFunction, body(Uint8Array.from(sum(50_001)))), v8: true },
  {
    what: "bytes of a function",
    code: binary(oneType, oneFunction, body(Buffer.concat([Uint8Array.of(0), Buffer.alloc(7_654_321, 1), Uint8Array.of(0x0b)]))),
    v8: true,
  },
  {
    what: "bytes of a name",
    code: binary(oneType, oneFunction, section(7, Buffer.concat([Uint8Array.of(1), vector(100_001, [0x61]), Uint8Array.of(0, 0)]))),
    v8: true,
  },
  { what: "custom sections", code: binary(Buffer.alloc(30_003, Uint8Array.of(0, 1, 0))), v8: false },
  { what: "bytes of names", code: binary(...Array.from({ length: 100 }, () => section(0, vector(90_000, [0x61])))), v8: false },
];

describe("what a module has too much of is refused by its count, before anything is made of it", () => {
  for (const { what, code, v8 } of OVER) {
    test(what, () => {
      const taken = startCpuTime();
      const read = readWasm(code);
      const took = taken();
      assert.equal(read.ok ? "it was read" : read.error.reason, "ModuleTooLarge");
      assert.match(read.ok ? "" : read.error.message, new RegExp(`the module has too many ${what}: \\d+; the limit is \\d+$`));
      assert.ok(took < 1000, `${took} ms`);
      if (v8) assert.throws(() => new WebAssembly.Module(Buffer.from(code)), WebAssembly.CompileError);
    });
  }

  test("63 MiB of nothing but entries are refused at once", (t) => {
    const count = 22_000_000;
    const codes = { types: section(1, vector(count, EMPTY_TYPE)), custom: Buffer.alloc(3 * count, Uint8Array.of(0, 1, 0)) };
    for (const [name, content] of Object.entries(codes)) {
      const [began, heap] = [performance.now(), process.memoryUsage().heapUsed];
      const read = readWasm(binary(content));
      const grew = (process.memoryUsage().heapUsed - heap) / 1024 ** 2;
      t.diagnostic(`${name}: ${(performance.now() - began).toFixed(1)} ms, ${grew.toFixed(1)} MiB of heap`);
      assert.equal(read.ok ? "" : read.error.reason, "ModuleTooLarge");
      assert.ok(grew < 32);
    }
  });
});

describe("what is kept of a module at its limits is small", () => {
  test("a million types and functions", (t) => {
    const code = binary(section(1, vector(1_000_000, EMPTY_TYPE)), section(3, vector(1_000_000, [0])));
    const [began, heap] = [performance.now(), process.memoryUsage().heapUsed];
    assert.ok(readWasm(code).ok);
    const grew = (process.memoryUsage().heapUsed - heap) / 1024 ** 2;
    t.diagnostic(`${(performance.now() - began).toFixed(0)} ms, ${grew.toFixed(1)} MiB of heap`);
    assert.ok(grew < 100, `${grew} MiB`);
  });
});

describe("tables", () => {
  const elements = async (text: string): Promise<number> => {
    const read = readWasm(await wasm(text));
    assert.ok(read.ok);
    return read.value.tableElements;
  };

  test("all of them are counted, imported ones too", async () => {
    assert.equal(await elements(`(module (import "env" "t" (table 5 funcref)) (table 70 100 externref) (table 600 funcref))`), 675);
  });

  test("an initial value is skipped", () => {
    // (table 3 funcref (ref.null func)) (table 4 funcref)
    const code = binary(section(4, Uint8Array.of(2, 0x40, 0, 0x70, 0, 3, 0xd0, 0x70, 0x0b, 0x70, 0, 4)));
    new WebAssembly.Module(Buffer.from(code));
    const read = readWasm(code);
    assert.equal(read.ok ? read.value.tableElements : read.error.message, 7);
  });
});

test("a section that comes twice is malformed, as V8 finds it", () => {
  const code = binary(oneType, oneType);
  const read = readWasm(code);
  assert.equal(read.ok ? "" : read.error.reason, "MalformedModule");
  assert.throws(() => new WebAssembly.Module(Buffer.from(code)), WebAssembly.CompileError);
});
