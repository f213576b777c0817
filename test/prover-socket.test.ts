import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { usageOf } from "../preflight/process/bounds.ts";
import { nestedBlocks } from "../preflight/testing/limits.ts";
import { wasm } from "../preflight/testing/wat.ts";
import { buildExamples } from "../scripts/build-examples.ts";
import { type AttackScene, startAttackScene } from "./support/attack-scene.ts";
import { createMemoryGroup } from "./support/memory-group.ts";
import { eventually } from "./support/process.ts";
import { childrenOf, createProverProcess, type ProverProcess, residentOf, startProver } from "./support/prover.ts";
import { headerFilter } from "./support/wat.ts";
import { condition, weir } from "./support/weir.ts";

/** How long a module that never returns is let run. */
const START_MS = 5000;

const HEAD = `(memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)) (func (export "proxy_on_context_create") (param i32 i32))`;
const looping = (seed: number): Promise<Uint8Array> =>
  wasm(
    `(module ${HEAD} (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (drop (i32.const ${seed})) (loop (br 0)) (i32.const 1)))`,
  );

/** Takes 240 MiB and never returns. */
const holding = (seed: number): Promise<Uint8Array> =>
  wasm(`(module ${HEAD.replace('"memory") 1', '"memory") 2000')} (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (drop (i32.const ${seed}))
    (drop (memory.grow (i32.const 1840))) (memory.fill (i32.const 0) (i32.const 1) (i32.const 251000000)) (loop (br 0)) (i32.const 1)))`);

const validated = (scene: AttackScene, name: string, status: RegExp) =>
  scene.weir.until(`Validated of ${name}`, name, (filter) => status.test(condition(filter, "Validated")));

async function applyGood(scene: AttackScene, name: string, namespace = "shop"): Promise<void> {
  await scene.push(name, await headerFilter({ name: "x-good", value: name }));
  await scene.apply(name, namespace, name);
}

const metric = async (scene: AttackScene, how: string): Promise<number> => {
  const text = await scene.weir.metrics();
  return Number(new RegExp(`weir_prover_failures_total\\{how="${how}"\\} (\\d+)`).exec(text)?.[1]);
};

/** CPU that a child of the prover takes only with a module: its start takes a third of that, and one that waits takes no more. */
const BUSY_MS = 250;

/** How many children of the prover have taken so much. */
async function busy(prover: ProverProcess): Promise<number> {
  return (await prover.children()).filter((pid) => (usageOf(pid)?.cpuMs ?? 0) > BUSY_MS).length;
}

describe("a prover of its own", () => {
  test("the server starts before it, is ready, and proves what waited once it is there", async (t) => {
    const prover = await createProverProcess(t);
    const began = performance.now();
    const scene = await startAttackScene(t, ["--prover-socket", prover.socket]);
    t.diagnostic(`ready after ${(performance.now() - began).toFixed(0)} ms with no prover`);
    await applyGood(scene, "early");
    const waiting = await validated(scene, "early", /^False ProverUnavailable$/);
    const { message } = waiting.status?.conditions?.find(({ type }) => type === "Validated") ?? {};
    assert.match(message ?? "", /: no prover answers at .* \(ENOENT\); see that weir prover runs there; tried again with backoff$/);
    assert.equal((await fetch(`${scene.weir.url}/readyz`)).status, 200);
    await eventually("the server to say so", () => scene.weir.logs().includes("the prover does not answer; new modules wait for it"));
    const restart = async (): Promise<number> => {
      await scene.weir.stop();
      const from = performance.now();
      await scene.weir.start();
      return performance.now() - from;
    };
    // The least of three: a machine that stood still is not judged.
    const without = Math.min(await restart(), await restart(), await restart());
    t.diagnostic(`ready after ${without.toFixed(0)} ms with no prover and a filter that waits for it`);
    await prover.start();
    await validated(scene, "early", /^True/);
    await eventually("the server to say so", () => scene.weir.logs().includes("the prover answers"));
    const beside = await restart();
    assert.ok(without < 2 * beside + 2000, `a prover that is not there delays nothing: ${without} ms; with one ${beside} ms`);
  });

  test("killed with everything in it while two proofs run: the server stays, the guilty module is named, the other passes", async (t) => {
    const prover = await startProver(t);
    const scene = await startAttackScene(t, ["--prover-socket", prover.socket]);
    const pid = scene.weir.pid();
    await scene.push("loop", await looping(1));
    await scene.push("other", await looping(2));
    await scene.apply("loop", "tenant-b", "loop");
    await scene.apply("other", "tenant-c", "other");
    await eventually("both run", async () => (await busy(prover)) === 2);
    await prover.kill();
    await validated(scene, "loop", /ProverLost/);
    await validated(scene, "other", /ProverLost|Timeout/);
    assert.equal((await fetch(`${scene.weir.url}/readyz`)).status, 200);
    await prover.start();
    // One of them is alone now. Whichever it is has its prover killed again, and the other does not pay for that.
    await eventually("one runs alone", async () => (await busy(prover)) === 1);
    await prover.kill();
    await prover.start();
    const verdicts = await Promise.all(["loop", "other"].map((name) => validated(scene, name, /ProverDied|Timeout/)));
    const reasons = verdicts.map((filter) => condition(filter, "Validated")).sort();
    assert.deepEqual(reasons, ["False ProverDied", "False Timeout"]);
    await applyGood(scene, "after");
    await validated(scene, "after", /^True/);
    assert.equal(scene.weir.pid(), pid);
    process.kill(pid, 0);
    // Three, unless one of them came to the end of its time before.
    assert.ok((await metric(scene, "lost")) >= 2);
    assert.match(scene.weir.logs(), /the prover was lost during a proof/);
    t.diagnostic(`/healthz took at most ${scene.slowest().toFixed(0)} ms`);
  });

  test("garbage and connections without end on the socket, and a second server: everyone is served", async (t) => {
    const prover = await startProver(t);
    const scene = await startAttackScene(t, ["--prover-socket", prover.socket]);
    const sockets = Array.from({ length: 200 }, (_, index) => {
      const socket = connect(prover.socket).on("error", () => undefined);
      if (index % 4 === 0) socket.write(randomBytes(4096));
      return socket.resume();
    });
    t.after(() => sockets.map((socket) => socket.destroy()));
    const before = (await residentOf(prover.pid())).all;
    await applyGood(scene, "first");
    const second = await startAttackScene(t, ["--prover-socket", prover.socket]);
    await applyGood(second, "second", "elsewhere");
    await validated(scene, "first", /^True/);
    await validated(second, "second", /^True/);
    t.diagnostic(`the prover grew by ${((await residentOf(prover.pid())).all - before).toFixed(0)} MiB`);
    process.kill(prover.pid(), 0);
  });

  test("a client that goes away ends its proof", async (t) => {
    const prover = await startProver(t);
    const scene = await startAttackScene(t, ["--prover-socket", prover.socket]);
    await scene.push("loop", await looping(3));
    await scene.apply("loop", "tenant-b", "loop");
    await eventually("it runs", async () => (await busy(prover)) === 1);
    await scene.weir.kill();
    let tookMs = 0;
    await eventually("its end", async () => {
      const loops = (await prover.children()).map((pid) => usageOf(pid)?.cpuMs ?? 0).filter((ms) => ms > BUSY_MS);
      tookMs = Math.max(tookMs, ...loops);
      return loops.length === 0;
    });
    assert.ok(tookMs < START_MS / 2, `it took ${tookMs} ms of CPU, and has ${START_MS}`);
  });

  test("memory: the server alone, the prover idle, and while 3.3 MB of Go are proved", async (t) => {
    const prover = await startProver(t);
    const scene = await startAttackScene(t, ["--prover-socket", prover.socket]);
    const total = async () => {
      const all = await Promise.all([prover.pid(), ...(await prover.children())].map(residentOf));
      return { all: all.reduce((sum, each) => sum + each.all, 0), own: all.reduce((sum, each) => sum + each.own, 0) };
    };
    const show = ({ all, own }: { all: number; own: number }) => `${all.toFixed(0)} MiB (${own.toFixed(0)} its own)`;
    const idle = await total();
    t.diagnostic(`server, nothing proved: ${show(await residentOf(scene.weir.pid()))}`);
    t.diagnostic(`prover, idle, ${(await prover.children()).length} processes ready: ${show(idle)}`);
    await scene.push("go", await readFile((await buildExamples()).addHeaderGo.v1));
    await scene.apply("go", "shop", "go", '{"header":"x","value":"y"}');
    let peak = { all: 0, own: 0 };
    const look = setInterval(async () => {
      const now = await total();
      if (now.own > peak.own) peak = now;
    }, 20);
    await validated(scene, "go", /^True|^False [A-Z]\w*(?<!Pending)$/);
    clearInterval(look);
    assert.match(condition(await scene.weir.filter("go"), "Validated"), /^True/);
    const server = await residentOf(scene.weir.pid());
    t.diagnostic(`prover, at most during the proof: ${show(peak)}; after it: ${show(await total())}`);
    t.diagnostic(`server, at most since its start: ${scene.memory().peak.toFixed(0)} MiB; now ${show(server)}`);
    assert.deepEqual(await childrenOf(scene.weir.pid()), [], "the server starts no process");
    assert.ok(server.all < 200, `the server takes ${server.all} MiB`);
    assert.ok(peak.own < 400, `the prover takes ${peak.own} MiB`);
  });

  test("modules that take more memory than its container has: it is not restarted, and each has a verdict of its own", async (t) => {
    const group = await createMemoryGroup(700);
    if (group === undefined) return t.skip("needs a memory control group, so root");
    const prover = await createProverProcess(t, group);
    await prover.start();
    t.after(async () => {
      await prover.stop();
      await group.remove();
    });
    const pid = prover.pid();
    const scene = await startAttackScene(t, ["--prover-socket", prover.socket]);
    await scene.push("bomb", nestedBlocks(2000, 49_000));
    for (const number of [1, 2, 3]) await scene.push(`holds-${number}`, await holding(number));
    await scene.apply("bomb", "tenant-d", "bomb");
    for (const number of [1, 2, 3]) await scene.apply(`holds-${number}`, `tenant-${number}`, `holds-${number}`);
    await applyGood(scene, "good");
    await validated(scene, "good", /^True/);
    const bomb = await validated(scene, "bomb", /^False [A-Z]\w*Limit/);
    assert.match(JSON.stringify(bomb.status?.conditions), /the limit is 540 MiB/);
    for (const number of [1, 2, 3]) await validated(scene, `holds-${number}`, /^False Timeout/);
    assert.ok((await metric(scene, "lost")) > 0, "several at once did not fit");
    assert.equal(await group.killed(), 0);
    assert.equal(prover.pid(), pid);
    process.kill(pid, 0);
    t.diagnostic(`${await metric(scene, "lost")} proofs gave way and were made again alone`);
  });

  test("what cannot be listened on is told", async (t) => {
    const prover = await startProver(t);
    await assert.rejects(weir(["prover", "--socket", prover.socket]), /--socket .* cannot be listened on: .*EADDRINUSE/);
    await writeFile(join(dirname(prover.socket), "file"), "");
    await assert.rejects(weir(["prover", "--socket", join(dirname(prover.socket), "file", "x.sock")]), /cannot be listened on/);
  });
});
