import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import createWabt from "wabt";

/** The least that Envoy loads: an ABI marker, memory, and a way to hand data over. */
const GOOD = `(module
  (import "env" "proxy_log" (func (param i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 65536))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0)))`;
const BAD = GOOD.replace('"proxy_log"', '"proxy_does_not_exist"');

/** A folder with `good.wasm`, which Envoy loads, and `bad.wasm`, which needs a host function that no Envoy has. For tests. */
export async function moduleFolder() {
  const dir = mkdtempSync(join(tmpdir(), "weir-cli-"));
  const wabt = await createWabt();
  const build = (text: string) => Buffer.from(wabt.parseWat("module.wat", text).toBinary({}).buffer);
  const good = build(GOOD);
  writeFileSync(join(dir, "good.wasm"), good);
  writeFileSync(join(dir, "bad.wasm"), build(BAD));
  return { dir, good, remove: () => rmSync(dir, { recursive: true }) };
}
