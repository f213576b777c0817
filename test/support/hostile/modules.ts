import { assemble } from "../wat.ts";

/** What every module must export. */
const BASE = `(memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_context_create") (param i32 i32))`;
const start = (body: string) => `(func (export "proxy_on_vm_start") (param i32 i32) (result i32) ${body} (i32.const 1))`;
const FOREVER = "(loop $again (br $again))";
const LOCALS = 49_000;
const BLOCKS = 1_500;

/** Modules that want more than their share, by what they do. */
const TEXTS: Readonly<Record<string, string>> = {
  "has the host copy 250 MB": `(import "env" "proxy_get_property" (func $f (param i32 i32 i32 i32) (result i32))) ${BASE}
    ${start(`(drop (memory.grow (i32.const 3900))) (drop (call $f (i32.const 0) (i32.const 250000000) (i32.const 8) (i32.const 16)))`)}`,
  "starts a table of ten million": `${BASE} (table 10000000 funcref)`,
  "grows its memory to the end": `${BASE} ${start("(loop $more (br_if $more (i32.ge_s (memory.grow (i32.const 64)) (i32.const 0))))")}`,
  "never returns from its start": `${BASE} ${start(FOREVER)}`,
  "never returns from its configuration": `${BASE} (func (export "proxy_on_configure") (param i32 i32) (result i32) ${FOREVER} (i32.const 1))`,
  "recurses for ever": `${BASE} (func $f (call $f)) ${start("(call $f)")}`,
  "logs for ever": `(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32))) ${BASE}
    ${start("(loop $again (drop (call $log (i32.const 4) (i32.const 0) (i32.const 65536))) (br $again))")}`,
  "is slow to compile": `${BASE} (func (export "_initialize") (local ${"i32 ".repeat(LOCALS)}) ${"(block (br_if 0 (local.get 0)) ".repeat(BLOCKS)} ${")".repeat(BLOCKS)})`,
};

export const HOSTILE_MODULES = Object.keys(TEXTS);

const assembled = new Map<string, Promise<Uint8Array>>();

/** A module of this kind that was never seen before: its last section is a number. */
export async function hostileModule(kind: string, number: number): Promise<Uint8Array> {
  const text = TEXTS[kind];
  if (text === undefined) throw new Error(`no hostile module ${kind}`);
  const known = assembled.get(kind) ?? assemble(`(module ${text})`);
  assembled.set(kind, known);
  return Buffer.concat([await known, unique(number)]);
}

/** A custom section that nothing reads. https://webassembly.github.io/spec/core/binary/modules.html#custom-section */
export function unique(number: number): Uint8Array {
  const content = Buffer.from(`\u0001n${number}`);
  return Buffer.concat([Uint8Array.of(0, content.length), content]);
}
