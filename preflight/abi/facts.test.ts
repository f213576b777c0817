import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { wasm } from "../testing/wat.ts";
import { inspectModule } from "./facts.ts";

const MINIMAL = `(memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 8))`;

describe("a module that can load", () => {
  test("a proxy-wasm module shows its ABI, imports, exports and memory", async () => {
    const bytes = await wasm(`(module
    (import "env" "proxy_log" (func (param i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
    ${MINIMAL}
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0)))`);
    const facts = inspectModule(bytes);
    assert.ok(facts.ok);
    assert.deepEqual(facts.value, {
      size: bytes.length,
      abi: "0.2.1",
      imports: ["fd_write", "proxy_log"],
      exports: ["malloc", "proxy_on_request_headers"],
      capabilities: ["fd_write", "proxy_log", "proxy_on_request_headers"],
      memory: { initialPages: 1, maximumPages: undefined },
      hasStart: false,
      customSections: [],
      problem: undefined,
    });
  });
});

/** A module that reads well and yet cannot load: the reason and a part of the message. */
const REFUSED: [title: string, wat: string, reason: string, message: RegExp][] = [
  ["no ABI marker", `(module (memory (export "memory") 1) (func (export "_start")))`, "NoAbi", /ordinary WASI command/],
  ["an ABI of the future", `(module (func (export "proxy_abi_version_0_3_0")))`, "UnknownAbi", /proxy_abi_version_0_3_0/],
  [
    "a function that Envoy lacks",
    `(module (import "env" "proxy_sleep" (func)) ${MINIMAL})`,
    "MissingImport",
    /missing import: env\.proxy_sleep/,
  ],
  [
    "a function of another ABI",
    `(module (import "env" "proxy_continue_request" (func (result i32))) ${MINIMAL})`,
    "MissingImport",
    /belongs to ABI 0\.1\.0/,
  ],
  [
    "a function of another module",
    `(module (import "env" "fd_write" (func (param i32 i32 i32 i32) (result i32))) ${MINIMAL})`,
    "MissingImport",
    /in module wasi_snapshot_preview1/,
  ],
  ["an imported global", `(module (import "env" "g" (global i32)) ${MINIMAL})`, "MissingImport", /env\.g \(a global\)/],
  [
    "an import of the wrong type",
    `(module (import "env" "proxy_log" (func (param i32 i32))) ${MINIMAL})`,
    "ImportTypeMismatch",
    /wants i32 i32 -> void, Envoy offers i32 i32 i32 -> i32/,
  ],
  [
    "a callback of the wrong type",
    `(module ${MINIMAL} (func (export "proxy_on_tick") (result i32) (i32.const 0)))`,
    "ExportTypeMismatch",
    /proxy_on_tick/,
  ],
  [
    "no allocator",
    `(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_0")))`,
    "NoMalloc",
    /proxy_on_memory_allocate/,
  ],
  [
    "memory kept to itself",
    `(module (import "env" "proxy_log" (func (param i32 i32 i32) (result i32))) (memory 1)
      (func (export "proxy_abi_version_0_2_1")) (func (export "malloc") (param i32) (result i32) (i32.const 8)))`,
    "NoMemory",
    /exports no memory/,
  ],
  [
    "more memory than Envoy allows",
    `(module (memory (export "memory") 20000) (func (export "proxy_abi_version_0_2_1")))`,
    "MemoryLimit",
    /20000 pages/,
  ],
];

describe("a module that Envoy refuses", () => {
  for (const [title, wat, reason, message] of REFUSED) {
    test(`a module with ${title} is refused as ${reason}`, async () => {
      const facts = inspectModule(await wasm(wat));
      assert.ok(facts.ok);
      assert.equal(facts.value.problem?.reason, reason);
      assert.match(facts.value.problem?.message ?? "", message);
    });
  }
});

describe("bytes that cannot be read", () => {
  test("bytes that are no core module are refused with what they are", async () => {
    const good = await wasm(`(module ${MINIMAL})`);
    const component = Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0);
    const cases: [Uint8Array, string][] = [
      [new Uint8Array(), "NotWasm"],
      [new TextEncoder().encode("#!/bin/sh\necho hello"), "NotWasm"],
      [Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0), "NotWasm"],
      [component, "WasmComponent"],
      [good.subarray(0, good.length - 5), "MalformedModule"],
      [Uint8Array.of(...good, 99, 0), "MalformedModule"],
    ];
    for (const [bytes, reason] of cases) {
      const facts = inspectModule(bytes);
      assert.ok(!facts.ok);
      assert.equal(facts.error.reason, reason);
    }
  });

  test("a name section that Envoy cannot follow is refused, other custom sections are not read", async () => {
    const good = await wasm(`(module ${MINIMAL})`);
    const custom = (name: string, content: number[]): number[] => [
      0,
      name.length + 1 + content.length,
      name.length,
      ...Buffer.from(name),
      ...content,
    ];
    const broken = inspectModule(Uint8Array.of(...good, ...custom("name", [1, 9, 1])));
    assert.ok(broken.ok);
    assert.equal(broken.value.problem?.reason, "MalformedModule");
    const other = inspectModule(Uint8Array.of(...good, ...custom("note", [1, 9, 1])));
    assert.ok(other.ok);
    assert.equal(other.value.problem, undefined);
    assert.deepEqual(other.value.customSections, [{ name: "note", size: 3 }]);
  });

  test("every cut and every flipped byte of a module gives facts or a failure, never an exception", async () => {
    const bytes = await wasm(`(module (import "env" "proxy_log" (func (param i32 i32 i32) (result i32))) ${MINIMAL}
    (table 2 funcref) (global i32 (i32.const 7)) (data (i32.const 0) "hello"))`);
    for (let at = 0; at < bytes.length; at += 1) {
      inspectModule(bytes.subarray(0, at));
      for (const value of [0x00, 0x01, 0x7f, 0x80, 0xff]) {
        const flipped = bytes.slice();
        flipped[at] = value;
        inspectModule(flipped);
      }
    }
  });
});
