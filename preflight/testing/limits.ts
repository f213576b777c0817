import { leb } from "../binary/writer.ts";
import { filterBinary, vector } from "./binary.ts";
import type { Row } from "./row.ts";
import { wasm } from "./wat.ts";

const HEAD = `(memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) (i32.const 4096)) (func (export "proxy_abi_version_0_2_1"))`;
const text = (title: string, body: string): Row => ({ title, code: () => wasm(`(module ${HEAD} ${body})`) });
const bytes = (title: string, make: () => Uint8Array): Row => ({ title, code: async () => make() });

/** (struct (field (mut i64)) (field (mut (ref null 2)))), as type 2 of a filter. */
const NODE = [0x5f, 2, 0x7e, 1, 0x63, 2, 1];
/** (global (mut (ref null 2)) (ref.null 2)) */
const LIST = new Map([[6, Uint8Array.of(1, 0x63, 2, 1, 0xd0, 2, 0x0b)]]);
/** Puts another node before the list. */
const PREPEND = [0x42, 0, 0x23, 0, 0xfb, 0, 2, 0x24, 0];

/** A filter whose garbage-collected objects grow for as long as it lives. Not for an Envoy: it would take the machine's memory. */
export function endlessList(): Uint8Array {
  return filterBinary({ types: [NODE], sections: LIST, start: Uint8Array.of(0, 0x03, 0x40, ...PREPEND, 0x0c, 0, 0x0b) });
}

/** One function of `count` blocks within each other, with this many locals and a branch in each block: little to read, much to compile. */
export function nestedBlocks(count: number, locals: number): Uint8Array {
  const declared = locals === 0 ? [0] : [1, ...leb(locals), 0x7f];
  const inside = locals === 0 ? [0x02, 0x40] : [0x02, 0x40, 0x20, 0, 0x0d, 0];
  return filterBinary({
    start: Buffer.concat([Uint8Array.from(declared), vector(count, inside).subarray(leb(count).length), Buffer.alloc(count, 0x0b)]),
  });
}

/** At and over the limits of V8, and what newer proposals bring. */
export const LIMITS: readonly Row[] = [
  text("two memories, both used", `(memory $m 1) (func (export "_initialize") (memory.fill $m (i32.const 0) (i32.const 1) (i32.const 8)))`),
  text("a second memory beyond 1 GiB", `(memory 20000)`),
  text("a table of a million", `(table 1000000 funcref)`),
  text("a table of more than V8 takes", `(table 10000001 funcref)`),
  text("a function of 1001 parameters", `(func (param ${"i32 ".repeat(1001)}))`),
  text("a function of 50,000 locals", `(func (local ${"i32 ".repeat(50_000)}))`),
  text("a function of 50,001 locals", `(func (local ${"i32 ".repeat(50_001)}))`),
  bytes("a garbage-collected struct, used", () => filterBinary({ types: [NODE], sections: LIST, start: Uint8Array.of(0, ...PREPEND) })),
  bytes("a garbage-collected array, used", () =>
    filterBinary({ types: [[0x5e, 0x78, 1]], start: Uint8Array.of(0, 0x41, 8, 0xfb, 7, 2, 0x1a) }),
  ),
  bytes("a function over V8's size", () => filterBinary({ start: Buffer.concat([Uint8Array.of(0), Buffer.alloc(7_654_321, 1)]) })),
  bytes("10,000 nested blocks", () => nestedBlocks(10_000, 0)),
  bytes("more types than V8 takes", () => filterBinary({ sections: new Map([[1, vector(1_000_001, [0x60, 0, 0])]]) })),
  bytes("more globals than V8 takes", () => filterBinary({ sections: new Map([[6, vector(1_000_001, [0x7f, 0, 0x41, 0, 0x0b])]]) })),
  bytes("more data segments than V8 takes", () => filterBinary({ sections: new Map([[11, vector(100_001, [1, 0])]]) })),
];
