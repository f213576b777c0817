import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createPlugin, logged } from "../testing/plugin.ts";

const HEAD = `(memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) (i32.const 1024)) (func (export "proxy_abi_version_0_2_1"))`;
const GET = `(import "env" "proxy_get_property" (func $get (param i32 i32 i32 i32) (result i32)))`;
const LOG = `(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))`;
const SET = `(import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))`;
const FOREIGN = `(import "env" "proxy_call_foreign_function" (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))`;

/** Runs this as `proxy_on_configure`, with 1600 pages (100 MiB) of memory, and tells what the host found. */
async function faultOf(imports: string, body: string, data = ""): Promise<string> {
  const configure = `(func (export "proxy_on_configure") (param i32 i32) (result i32) (drop (memory.grow (i32.const 1600))) ${body} (i32.const 1))`;
  const plugin = await createPlugin(`(module ${imports} ${HEAD} ${data} ${configure})`);
  const fault = plugin.fault();
  return fault === undefined ? `none; ${logged(plugin).join().length} characters logged` : `${fault.kind}: ${fault.message}`;
}

describe("sizes that a plugin gives are checked before anything is copied", () => {
  const path = `(drop (call $get (i32.const 0) (i32.const 1048577) (i32.const 8) (i32.const 16)))`;

  test("a path, a name or a header of more than 1 MiB", async () => {
    assert.match(await faultOf(GET, path), /^limit: the plugin handed the host a text of 1048577 bytes; the sandbox takes 1048576$/);
    assert.match(await faultOf(GET, path.replace("1048577", "1048576")), /^none/);
  });

  test("a log line of any size: its beginning is kept", async () => {
    assert.equal(await faultOf(LOG, `(drop (call $log (i32.const 2) (i32.const 0) (i32.const 100000000)))`), "none; 400 characters logged");
  });

  test("what the host keeps: 64 MiB in all", async (t) => {
    const before = process.memoryUsage().arrayBuffers;
    assert.match(
      await faultOf(SET, `(drop (call $set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 70000000) (i32.const 0)))`),
      /^limit: .*more than 67108864 bytes/,
    );
    t.diagnostic(`${((process.memoryUsage().arrayBuffers - before) / 1024 ** 2).toFixed(0)} MiB more, the plugin's memory included`);
  });

  test("what Envoy's functions make of it", async () => {
    const call = (size: number): string =>
      `(drop (call $foreign (i32.const 16) (i32.const 8) (i32.const 65536) (i32.const ${size}) (i32.const 0) (i32.const 0)))`;
    const name = `(data (i32.const 16) "compress")`;
    assert.match(await faultOf(FOREIGN, call(70_000_000), name), /^limit/);
    assert.match(await faultOf(FOREIGN, call(40_000_000) + call(40_000_000), name), /^limit/);
    assert.match(await faultOf(FOREIGN, call(1_000_000), name), /^none/);
  });

  test("a plugin that catches the exception has not got away with it", async () => {
    assert.match(await faultOf(GET, `(try (do ${path}) (catch_all))`), /^limit: /);
  });
});
