import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { createExaminer } from "../preflight/index.ts";
import { minimal } from "../preflight/testing/modules.ts";
import { wasm } from "../preflight/testing/wat.ts";
import { buildExamples } from "../scripts/build-examples.ts";
import { plainSettings, startJudge } from "./support/judge.ts";
import { buildMisbehaving } from "./support/misbehaviours.ts";
import { headerFilter } from "./support/wat.ts";

/** How far the load that is told may be from what Envoy takes. */
const TOLERANCE = 0.25;
/** Below this, what Envoy takes is mostly to make VMs and to apply the update, whatever the module: the load is too small to tell apart. */
const SMALL_MS = 100;

/** Functions of arithmetic, as a compiled language makes them. */
function arithmetic(functions: number): Promise<Uint8Array> {
  const step = (index: number): string =>
    `(local.set 0 (i32.rotl (i32.xor (local.get 0) (i32.const ${index * 7919})) (i32.and (local.get 1) (i32.const 15))))`;
  const body = Array.from({ length: 40 }, (_, index) => `(if (i32.gt_u (local.get 0) (i32.const ${index})) (then ${step(index)}))`).join(
    " ",
  );
  return wasm(`(module (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) (i32.const 4096)) (func (export "proxy_abi_version_0_2_1"))
    ${`(func (param i32 i32) (result i32) ${body} (local.get 0))`.repeat(functions)})`);
}

test("the load that is told before a module ships is what Envoy takes", { timeout: 120_000 }, async (t) => {
  const { addHeaderAs, addHeaderGo } = await buildExamples();
  const modules = {
    "WAT, adds a header": () => headerFilter({ name: "x-a", value: "1" }),
    "WAT, 1000 functions": () => arithmetic(1000),
    "WAT, 4000 functions": () => arithmetic(4000),
    AssemblyScript: () => readFile(addHeaderAs.v1),
    "Go with encoding/json": () => readFile(addHeaderGo.v1),
    "Go, other": () => buildMisbehaving(),
  };
  const judge = await startJudge(await minimal());
  t.after(() => judge.stop());
  const wrong: string[] = [];
  for (const [title, build] of Object.entries(modules)) {
    const code = await build();
    // One after the other: the time of a shared processor is not only one's own.
    const ours = await createExaminer().examine(code, plainSettings);
    assert.ok(ours.ok, title);
    const { load, loadCpuMs } = await judge.judge(code, plainSettings);
    assert.equal(load, "accepted");
    const told = ours.value.loadMs ?? Number.NaN;
    const ratio = told / loadCpuMs;
    const line = `${title}: ${(code.length / 1e3).toFixed(1)} KB, told ${told.toFixed(0)} ms, Envoy took ${loadCpuMs.toFixed(0)} ms of CPU, ratio ${ratio.toFixed(2)}`;
    t.diagnostic(line);
    if (loadCpuMs > SMALL_MS && Math.abs(ratio - 1) > TOLERANCE) wrong.push(line);
    if (loadCpuMs <= SMALL_MS && told > SMALL_MS * (1 + TOLERANCE)) wrong.push(line);
  }
  assert.deepEqual(wrong, []);
});
