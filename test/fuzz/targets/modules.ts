import assert from "node:assert/strict";
import { factsOf } from "../../../preflight/abi/facts.ts";
import { readWasm } from "../../../preflight/binary/binary.ts";
import { boundMemory } from "../../../preflight/binary/bound.ts";
import { ROWS } from "../../../preflight/testing/modules.ts";
import { wasm } from "../../../preflight/testing/wat.ts";
import type { Input, Target } from "../target.ts";

const MAX_PAGES = 2048;
/** Names of a module stand in messages; a message stands in a status. */
const MAX_MESSAGE = 2_048;

/**
 * The reader of modules. What V8 takes for a module must be read or be refused with a reason; what has a bound put into its memory must still be
 * a module; facts come from everything that was read.
 */
export const modules: Target = {
  name: "modules",
  code: ["preflight/binary/", "preflight/abi/"],
  words: [
    ...[
      "proxy_abi_version_0_2_1",
      "proxy_on_request_headers",
      "env",
      "wasi_snapshot_preview1",
      "memory",
      "malloc",
      "name",
      "producers",
      "_start",
    ],
    ...[
      [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      [0x60, 0, 0],
      [0x7f],
      [0x7e],
      [0x70],
      [0x6f],
      [0x5f],
      [0x5e],
      [0x50],
      [0x4e],
      [0x64],
      [0x63],
    ].map((b) => Uint8Array.from(b)),
  ],
  maxBytes: 64 * 1024,
  maxMs: 250,
  async seeds(): Promise<readonly Input[]> {
    const rows = await Promise.all(ROWS.map(({ code }) => code()));
    const more = await Promise.all(MORE.map((text) => wasm(`(module ${text})`)));
    return [...rows, ...more].filter((bytes) => bytes.length <= modules.maxBytes).map((bytes) => [bytes]);
  },
  run([bytes = new Uint8Array()]) {
    const read = readWasm(bytes);
    if (!read.ok) {
      if (read.error.reason === "MalformedModule")
        assert(!WebAssembly.validate(copy(bytes)), `V8 takes what is called ${read.error.message}`);
      bounded(read.error.message);
      return read.error.reason;
    }
    const { problem, abi } = factsOf(bytes, read.value);
    if (problem !== undefined) bounded(problem.message);
    const isOwn = read.value.memories.every(({ min, max, wide }) => min <= MAX_PAGES && (max ?? min) >= min && !wide);
    if (isOwn && WebAssembly.validate(copy(bytes)))
      assert(WebAssembly.validate(copy(boundMemory(bytes, read.value, MAX_PAGES))), "the bound makes the module unusable");
    return `${abi} ${problem?.reason ?? "fine"}`;
  },
};

/** A name as long as a module may have. */
const LONG = "n".repeat(40_000);
const MORE = [
  `(import "env" "${LONG}" (func)) (memory 1) (func (export "proxy_abi_version_0_2_1"))`,
  `(func (export "proxy_abi_version_${LONG}"))`,
  `(memory 1 2) (memory 3) (data (i32.const 0) "abc")`,
  `(import "env" "m" (memory 1)) (import "env" "t" (table 1 funcref)) (import "env" "g" (global i32))`,
  `(table 1 2 funcref) (elem (i32.const 0) 0) (func (param i64 f32 f64) (result i32) (local i32 i64) i32.const 1) (start 1) (func)`,
  `(tag (param i32)) (global (mut i64) (i64.const 5)) (export "g" (global 0)) (data "passive") (elem funcref)`,
];

function bounded(message: string): string {
  assert(message.length <= MAX_MESSAGE, `a message of ${message.length} characters`);
  return message;
}

function copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
