import assert from "node:assert/strict";
import { test } from "node:test";
import { binary } from "../testing/binary.ts";
import { wasm } from "../testing/wat.ts";
import { countEntries } from "./entry-counters.ts";
import { leb, named, section } from "./writer.ts";

/** Counts by name after these exports were called. */
async function counts(text: string, ...calls: string[]): Promise<Record<string, number>> {
  const counting = countEntries(await wasm(text, { names: true }));
  assert.ok(counting.ok);
  const { Global } = WebAssembly as unknown as { Global: new (type: { value: "i32" }, value: number) => object };
  const imports = { env: { log: () => {}, base: new Global({ value: "i32" }, 5) } };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(counting.value.bytes as Uint8Array<ArrayBuffer>), imports as never);
  for (const name of calls) (exports[name] as () => void)();
  return Object.fromEntries(
    counting.value.functions.map(({ name, counter }) => [name ?? "", (exports[counter] as { value: number }).value]),
  );
}

test("each function counts how often it is entered, whatever else the module has", async () => {
  const text = `(module (import "env" "log" (func $log (param i32))) (import "env" "base" (global $base i32))
    (global $own (mut i64) (i64.const 9)) (table 2 funcref) (elem (i32.const 0) $twice $never)
    (func $twice (export "twice") (local i32 i64) (local f64) (call $inner) (call $inner))
    (func $inner (call $log (global.get $base)))
    (func $never (call_indirect (i32.const 1)))
    (func $loops (export "loops") (local $i i32) (loop (call $inner) (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3))))))`;
  assert.deepEqual(await counts(text, "twice", "loops", "twice"), { twice: 2, inner: 7, never: 0, loops: 1 });
});

test("a module without globals and exports gets them where they belong", async () => {
  const text = '(module (memory 1) (func $start) (start $start) (data (i32.const 0) "x"))';
  assert.deepEqual(await counts(text), { start: 1 });
});

test("a function's name that is too long is a failure", () => {
  const names = Uint8Array.from([1, 0, ...named("x".repeat(100_001))]);
  const module = binary(section(0, Uint8Array.from([...named("name"), 1, ...leb(names.length), ...names])));
  const counting = countEntries(module);
  assert.equal(!counting.ok && counting.error.reason, "ModuleTooLarge");
});

test("what is no module is refused, and one without functions stays as it is", async () => {
  assert.equal(countEntries(new Uint8Array(3)).ok, false);
  const empty = await wasm("(module)");
  const counting = countEntries(empty);
  assert.ok(counting.ok);
  assert.deepEqual([counting.value.functions, Buffer.from(counting.value.bytes).equals(empty)], [[], true]);
});
