import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { minimal } from "../preflight/testing/modules.ts";
import { wasm } from "../preflight/testing/wat.ts";
import { buildExamples } from "../scripts/build-examples.ts";
import { buildHello, buildHelloRust } from "../scripts/examples/hello.ts";
import { type Judge, startJudge } from "./support/judge.ts";
import { type Load, measureLoads } from "./support/load.ts";
import { buildMisbehaving } from "./support/misbehaviours.ts";
import { headerFilter } from "./support/wat.ts";

/** How far the load that is told may be from what Envoy takes. */
const TOLERANCE = 0.25;
/** What two measurements of one small module differ by on a machine with other work. */
const JITTER_MS = 3;
/** Below this, the VM itself is a good part of what Envoy takes: about 5 ms, which a module without a function takes too. */
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

const { addHeaderAs, addHeaderGo } = await buildExamples();
const hello = await buildHello();
const rust = await buildHelloRust().catch((error: Error) => error.message);
const MODULES = {
  C: () => readFile(hello.c),
  "C++": () => readFile(hello.cpp),
  Zig: () => readFile(hello.zig),
  Rust: () => readFile(rust),
  AssemblyScript: () => readFile(addHeaderAs.v1),
  "Go with encoding/json": () => readFile(addHeaderGo.v1),
  "Go, other": () => buildMisbehaving(),
  "WAT, adds a header": () => headerFilter({ name: "x-a", value: "1" }),
  "WAT, 1000 functions": () => arithmetic(1000),
  "WAT, 4000 functions": () => arithmetic(4000),
} as const;

describe("the load that is told before a module ships is what Envoy takes", () => {
  let judge: Judge;
  before(async () => {
    judge = await startJudge(await minimal());
  });
  after(() => judge.stop());

  for (const [title, build] of Object.entries(MODULES)) {
    const skip = title === "Rust" && !rust.endsWith(".wasm") && rust;
    test(title, { skip }, async (t) => {
      const code = await build();
      const [{ told, took }, empty] = (await measureLoads(judge, [code, await minimal()])) as [Load, Load];
      // What Envoy takes for a module that has nothing to compile, beyond what Weir tells of it: the VMs, and the update.
      const fixed = empty.took - empty.told;
      const [ratio, ratioWithVm] = [told / took, (told + fixed) / took];
      const shown = `ratio ${ratio.toFixed(2)}, with the ${fixed.toFixed(1)} ms of any VM ${ratioWithVm.toFixed(2)}`;
      t.diagnostic(
        `${title}: ${(code.length / 1e3).toFixed(1)} KB, told ${told.toFixed(1)} ms, Envoy took ${took.toFixed(1)} ms of CPU, ${shown}`,
      );
      assert.ok(Math.abs(told + fixed - took) <= Math.max(TOLERANCE * took, JITTER_MS), shown);
      if (took > SMALL_MS) assert.ok(Math.abs(ratio - 1) <= TOLERANCE, shown);
    });
  }
});
