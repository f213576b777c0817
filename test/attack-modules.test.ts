import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { section } from "../preflight/binary/writer.ts";
import { writeFields } from "../preflight/host/values/protobuf.ts";
import { binary, vector } from "../preflight/testing/binary.ts";
import { nestedBlocks } from "../preflight/testing/limits.ts";
import { privateKey } from "../preflight/testing/rsa.ts";
import { wasm } from "../preflight/testing/wat.ts";
import { type AttackScene, startAttackScene } from "./support/attack-scene.ts";
import { startProver } from "./support/prover.ts";
import { headerFilter } from "./support/wat.ts";
import { condition } from "./support/weir.ts";

const MIB = 1024 ** 2;
/** How far the server's memory may go from where it was. */
const MEMORY_MIB = 256;
/** Time for another namespace's new filter, from its manifest to its verdict, while the attack is under way. A quiet machine needs 0.3 s. */
const OTHER_MS = 5000;

const HEAD = `(memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024)) (func (export "proxy_on_context_create") (param i32 i32))`;
const atStart = (imports: string, body: string, more = HEAD): Promise<Uint8Array> =>
  wasm(`(module ${imports} ${more} (func (export "proxy_on_vm_start") (param i32 i32) (result i32) ${body} (i32.const 1)))`);

interface Attack {
  readonly title: string;
  readonly code: () => Promise<Uint8Array> | Uint8Array;
  /** What Validated says. */
  readonly verdict: RegExp;
  readonly says: RegExp;
  /** Filters with this module, each with another configuration. Default 1. */
  readonly copies?: number;
}

/** Nothing but empty entries, 63 MiB of them: a few KB in a compressed layer. */
function full(kind: "types" | "exports" | "custom" | "functions"): Uint8Array {
  const count = (size: number): number => Math.floor((63 * MIB) / size);
  const oneType = section(1, vector(1, [0x60, 0, 0]));
  switch (kind) {
    case "types":
      return binary(section(1, vector(count(3), [0x60, 0, 0])));
    case "functions":
      return binary(oneType, section(3, vector(count(1), [0])));
    case "exports":
      return binary(oneType, section(3, Uint8Array.of(1, 0)), section(7, vector(count(3), [0, 0, 0])));
    case "custom":
      return binary(Buffer.alloc(count(3) * 3, Uint8Array.of(0, 1, 0)));
  }
}

function signing(bits: number): Promise<Uint8Array> {
  const argument = writeFields([
    [1, Buffer.from("sha256")],
    [2, privateKey(bits)],
    [3, Buffer.from("x")],
  ]);
  const escaped = [...argument].map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("");
  const memory = HEAD.replace('"memory") 1', `"memory") ${Math.ceil(argument.length / 65_536) + 1}`);
  return atStart(
    `(import "env" "proxy_call_foreign_function" (func $f (param i32 i32 i32 i32 i32 i32) (result i32)))`,
    `(loop (br_if 0 (i32.ne (i32.const 99) (call $f (i32.const 16) (i32.const 4) (i32.const 2048) (i32.const ${argument.length}) (i32.const 0) (i32.const 0)))))`,
    `(data (i32.const 16) "sign") (data (i32.const 2048) "${escaped}") ${memory}`,
  );
}

const ATTACKS: readonly Attack[] = [
  {
    title: "a property path of 250 MB of zeros, which aborted the operator at every start",
    code: () =>
      atStart(
        `(import "env" "proxy_get_property" (func $f (param i32 i32 i32 i32) (result i32)))`,
        `(drop (memory.grow (i32.const 3900))) (drop (call $f (i32.const 0) (i32.const 250000000) (i32.const 8) (i32.const 16)))`,
      ),
    verdict: /^False VmStartFailed$/,
    says: /text of 250000000 bytes/,
  },
  ...(["types", "exports", "custom", "functions"] as const).map((kind) => ({
    title: `63 MiB of empty ${kind}, which filled the operator's heap`,
    code: () => full(kind),
    verdict: /^False ModuleTooLarge$/,
    says: new RegExp(`too many ${kind}`),
  })),
  {
    title: "a second memory of 2 GiB, filled",
    code: () => atStart("", `(memory.fill $m (i32.const 0) (i32.const 1) (i32.const -65536))`, `${HEAD} (memory $m 32768)`),
    verdict: /^False MemoryLimit$/,
    says: /32768 pages/,
  },
  {
    title: "eight memories that grow to 1 GiB each, filled",
    code: () =>
      atStart(
        "",
        Array.from(
          { length: 8 },
          (_, index) =>
            `(drop (memory.grow $m${index} (i32.const 200))) (memory.fill $m${index} (i32.const 0) (i32.const 1) (i32.const 13000000))`,
        ).join(" "),
        `${HEAD} ${Array.from({ length: 8 }, (_, index) => `(memory $m${index} 1)`).join(" ")}`,
      ),
    verdict: /^True|^False (MemoryLimit|VmStartFailed)$/,
    says: /./,
  },
  {
    title: "a compile bomb: 2000 nested blocks and 49,000 locals",
    code: () => nestedBlocks(2000, 49_000),
    verdict: /^False (MemoryLimit|LoadTooSlow)$/,
    says: /limit|CPU/,
  },
  {
    title: "signatures without end, with a key of 65,536 bits that is none",
    code: () => signing(65_536),
    verdict: /^False VmStartFailed$/,
    says: /more than 67108864 bytes/,
    copies: 3,
  },
  {
    title: "three filters that never return, while the pool has three places",
    code: () => atStart("", "(loop (br 0))"),
    verdict: /^False Timeout$/,
    says: /endless loop/,
    copies: 3,
  },
  {
    title: "a table of ten million, which aborted the operator",
    code: () => wasm(`(module ${HEAD} (table 10000000 funcref))`),
    verdict: /^False MemoryLimit$/,
    says: /10000000 elements/,
  },
];

async function run(scene: AttackScene, { code, verdict, says, copies = 1 }: Attack, number: number): Promise<string> {
  const { weir } = scene;
  const module = await code();
  await scene.push(`evil-${number}`, module);
  await scene.push(`good-${number}`, await headerFilter({ name: "x-good", value: String(number) }));
  const before = scene.memory().now;
  scene.slowest();
  const names = Array.from({ length: copies }, (_, copy) => `evil-${number}-${copy}`);
  const began = performance.now();
  for (const name of names) await scene.apply(name, "tenant-b", `evil-${number}`, name);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const asked = performance.now();
  await scene.apply(`good-${number}`, "shop", `good-${number}`);
  await weir.until("the other namespace's filter", `good-${number}`, (filter) => condition(filter, "Validated").startsWith("True"), 30_000);
  const other = performance.now() - asked;
  const judged = /^(True|False)/;
  for (const name of names) {
    const filter = await weir.until("its verdict", name, (found) => judged.test(condition(found, "Validated")), 60_000);
    assert.match(condition(filter, "Validated"), verdict);
    assert.match(filter.status?.conditions?.find(({ type }) => type === "Validated")?.message ?? "", says);
  }
  const { peak } = scene.memory();
  const [took, slowest] = [performance.now() - began, scene.slowest()];
  assert.ok(peak - before < MEMORY_MIB, `the server grew by ${peak - before} MiB`);
  assert.ok(other < OTHER_MS, `the other namespace waited ${other} ms`);
  const found = condition(await weir.filter(names[0] ?? ""), "Validated");
  return `${(module.length / 1024).toFixed(1)} KiB: ${found} after ${took.toFixed(0)} ms; the other namespace waited ${other.toFixed(0)} ms; the server grew by at most ${(peak - before).toFixed(0)} MiB; /healthz took at most ${slowest.toFixed(0)} ms`;
}

/** All of them on one server, whose process is the same at the end. */
async function attack(t: TestContext, attacks: readonly Attack[], flags: readonly string[] = []): Promise<AttackScene> {
  const scene = await startAttackScene(t, flags);
  await scene.push("warm", await headerFilter({ name: "x-warm", value: "1" }));
  await scene.apply("warm", "shop", "warm");
  await scene.weir.until("the first filter", "warm", (filter) => condition(filter, "Validated").startsWith("True"));
  const pid = scene.weir.pid();
  for (const [number, one] of attacks.entries()) {
    await t.test(one.title, async (inner) => {
      inner.diagnostic(await run(scene, one, number));
      process.kill(pid, 0);
    });
  }
  assert.doesNotMatch(scene.weir.logs(), /FATAL|uncaught/i);
  return scene;
}

test("modules that mean harm get a verdict, and nobody else notices", { timeout: 180_000 }, async (t) => {
  await attack(t, ATTACKS);
});

test("so they do in a prover of its own", { timeout: 180_000 }, async (t) => {
  const prover = await startProver(t);
  const pid = prover.pid();
  const scene = await attack(
    t,
    ATTACKS.filter(({ title }) => !/exports|custom|signatures/.test(title)),
    ["--prover-socket", prover.socket],
  );
  process.kill(pid, 0);
  assert.doesNotMatch(`${prover.logs()}${scene.weir.logs()}`, /FATAL|uncaught|prover was lost/i);
});
