import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import type { ChildProcess } from "node:child_process";
import { readdir, readFile, readlink } from "node:fs/promises";
import { getPriority } from "node:os";
import { describe, test } from "node:test";
import { DEFAULT_SETTINGS as settings } from "../../model/settings.ts";
import { createPreflight } from "../index.ts";
import { endlessList, nestedBlocks } from "../testing/limits.ts";
import { minimal } from "../testing/modules.ts";
import { wasm } from "../testing/wat.ts";
import { missingBounds } from "./bounds.ts";
import { deathOf } from "./proof.ts";
import { startProver } from "./prover.ts";

const HEAD = `(memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) (i32.const 1024)) (func (export "proxy_abi_version_0_2_1"))`;
const linux = process.platform === "linux" ? false : "needs /proc";

async function reasonFor(text: string): Promise<string> {
  const verdict = await createPreflight().validate(await wasm(text), settings);
  return verdict.ok ? "it passed" : verdict.error.reason;
}

describe("what a module that means harm gets is a verdict, and this process goes on", () => {
  test("a property path of 250 MB of zeros (it aborted the operator)", async () => {
    const path = `(module (import "env" "proxy_get_property" (func $f (param i32 i32 i32 i32) (result i32))) ${HEAD}
      (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (drop (memory.grow (i32.const 3900)))
        (drop (call $f (i32.const 0) (i32.const 250000000) (i32.const 8) (i32.const 16))) (i32.const 1)))`;
    assert.notEqual(await reasonFor(path), "it passed");
  });

  test("a table of ten million entries (it aborted the operator)", async () => {
    assert.equal(await reasonFor(`(module ${HEAD} (table 10000000 funcref))`), "MemoryLimit");
  });

  test("objects of V8's garbage collector without end", async () => {
    const verdict = await createPreflight().validate(endlessList(), settings);
    assert.equal(verdict.ok ? "it passed" : verdict.error.reason, "MemoryLimit");
  });

  test("memories that are small each and large together", async () => {
    assert.equal(await reasonFor(`(module ${HEAD} ${"(memory 500)".repeat(5)})`), "MemoryLimit");
    const growing = `(module ${HEAD} (memory $m 1) (func (export "_initialize") (if (i32.ne (memory.grow $m (i32.const 2048)) (i32.const -1)) (then unreachable))))`;
    assert.equal(await reasonFor(growing), "it passed", "V8 gives a second memory no more than its share");
  });

  test("blocks in blocks, a million deep", async (t) => {
    const began = performance.now();
    const verdict = await createPreflight().validate(nestedBlocks(1_000_000, 0), settings);
    t.diagnostic(`${verdict.ok ? "it passed" : verdict.error.reason} after ${(performance.now() - began).toFixed(0)} ms`);
    assert.match(verdict.ok ? "it passed" : verdict.error.reason, /^(MemoryLimit|LoadTooSlow|ProverDied)$/);
  });

  test("a module that loads for too long is refused, and its digest remembered", async (t) => {
    const preflight = createPreflight({ maxLoadMs: 1 });
    const code = await wasm(`(module ${HEAD} ${"(func (result i32) (i32.const 1))".repeat(3000)})`);
    const first = await preflight.validate(code, settings);
    assert.equal(first.ok ? "" : first.error.reason, "LoadTooSlow");
    const before = performance.now();
    const other = await preflight.validate(code, { ...settings, config: "other" });
    t.diagnostic(`refused again in ${(performance.now() - before).toFixed(1)} ms`);
    assert.equal(other.ok ? "" : other.error.reason, "LoadTooSlow");
  });
});

describe("a prover", () => {
  test("has no environment and no descriptor but its pipes and those of its own event loop", { skip: linux }, async (t) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const prover = startProver({ heapMb: 64, residentMb: 512, cpuSeconds: 10 });
    t.after(() => prover.kill());
    prover.listen(
      () => resolve(),
      () => resolve(),
    );
    await promise;
    const pid = prover.pid;
    assert.ok(pid !== undefined);
    const variables = (await readFile(`/proc/${pid}/environ`, "utf8"))
      .split("\0")
      .filter((text) => text !== "" && !/^(PWD|OLDPWD|_|SHLVL)=/.test(text));
    assert.deepEqual(variables, []);
    const open = await Promise.all((await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")));
    const others = open.filter((target) => !/^(socket:|anon_inode:|pipe:|\/dev\/null$|$)/.test(target));
    assert.deepEqual(others, []);
    assert.equal(open.filter((target) => target.startsWith("socket:")).length, 3);
    const limits = await readFile(`/proc/${pid}/limits`, "utf8");
    assert.match(limits, /Max cpu time\s+10\s+12 /);
    assert.match(limits, /Max core file size\s+0\s+0 /);
    assert.match(limits, /Max open files\s+64\s+64 /);
  });

  test("one filter of a namespace has the load of a module measured, and the others wait for it", async () => {
    const preflight = createPreflight({ concurrency: 3 });
    const code = await wasm(`(module ${HEAD} ${"(func (result i32) (i32.const 1))".repeat(300)})`);
    const verdicts = await Promise.all(
      ["a", "b", "c"].map((config) => preflight.validate(code, { ...settings, config }, { namespace: "shop" })),
    );
    const loads = verdicts.map((verdict) => verdict.ok && verdict.value.loadMs);
    assert.equal(typeof loads[0], "number");
    assert.equal(new Set(loads).size, 1, "later proofs tell the load that the first measured");
  });

  test("what a machine does not offer is told", { skip: linux }, () => assert.deepEqual(missingBounds(), []));

  test("is used once: the next proof has another", async () => {
    const preflight = createPreflight({ ahead: 1 });
    const code = await minimal();
    for (const config of ["a", "b", "c"]) assert.ok((await preflight.validate(code, { ...settings, config })).ok);
  });

  test("it runs in the name of nobody, and its words are heard in the name of who asked", async () => {
    const name = new AsyncLocalStorage<string>();
    const prover = name.run("started it ahead", () => startProver({ heapMb: 128, residentMb: 512, cpuSeconds: 10 }));
    const spoke = Promise.withResolvers<string | undefined>();
    const ended = Promise.withResolvers<string | undefined>();
    name.run("asked", () =>
      prover.listen(
        () => spoke.resolve(name.getStore()),
        () => ended.resolve(name.getStore()),
      ),
    );
    assert.equal(await spoke.promise, "asked");
    assert.ok(prover.pid !== undefined && getPriority(prover.pid) > getPriority(), "it comes after what serves");
    // Node calls listeners in the context in which the process was started.
    const { child } = prover as unknown as { readonly child: ChildProcess };
    const closed = new Promise((resolve) => child.on("close", () => resolve(name.getStore())));
    prover.kill();
    assert.equal(await ended.promise, "asked");
    assert.equal(await closed, undefined);
  });

  test("the way it died is the verdict", () => {
    const reason = (signal: NodeJS.Signals | null, words = ""): [string, boolean] => {
      const { error } = deathOf({ code: signal === null ? 133 : null, signal, words }, "start") as {
        error: { reason: string; retryable: boolean };
      };
      return [error.reason, error.retryable];
    };
    assert.deepEqual(reason("SIGSEGV"), ["ProverDied", false]);
    assert.deepEqual(reason(null), ["ProverDied", false]);
    assert.deepEqual(reason("SIGABRT", "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"), [
      "MemoryLimit",
      false,
    ]);
    assert.deepEqual(reason("SIGXCPU"), ["Timeout", false]);
    assert.deepEqual(reason("SIGKILL"), ["ProverLost", true], "somebody else ended it");
    const early = deathOf({ code: 1, signal: null, words: "" }, undefined);
    assert.ok(!early.ok && early.error.retryable, "it says nothing of the module");
  });
});
