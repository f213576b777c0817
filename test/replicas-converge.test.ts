import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isTakenBack } from "../model/revision.ts";
import { specOf } from "../operator/testing/world.ts";
import { createOperators, type Operators } from "./support/replicas/operators.ts";

const RUNS = Number(process.env.WEIR_CONVERGE_RUNS ?? 40);
const REPLICAS = 3;
const image = (tag: number) => `registry.example/filters/f:${tag}`;
const names = Array.from({ length: REPLICAS }, (_, index) => `web-${index}`);

/** What may happen to replicas, proxies and the API server. */
type Happening =
  | { readonly what: "apply"; readonly tag: number; readonly percent: number; readonly autoRollback: boolean }
  | { readonly what: "lead"; readonly replica: number | undefined }
  | { readonly what: "cut"; readonly replica: number }
  | { readonly what: "mend"; readonly replica: number }
  | { readonly what: "api"; readonly down: boolean }
  | { readonly what: "hang"; readonly proxy: number; readonly hangs: boolean }
  | { readonly what: "refuse"; readonly tag: number; readonly proxy: number }
  | { readonly what: "move"; readonly proxy: number; readonly to: number }
  | { readonly what: "pass"; readonly ms: number };

const replica = fc.nat({ max: REPLICAS - 1 });
const tag = fc.integer({ min: 1, max: 4 });
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ what: fc.constant("apply" as const), tag, percent: fc.constantFrom(40, 100), autoRollback: fc.boolean() }),
  },
  fc.record({ what: fc.constant("lead" as const), replica: fc.option(replica, { nil: undefined }) }),
  fc.record({ what: fc.constantFrom("cut" as const, "mend" as const), replica }),
  fc.record({ what: fc.constant("api" as const), down: fc.boolean() }),
  fc.record({ what: fc.constant("hang" as const), proxy: replica, hangs: fc.boolean() }),
  fc.record({ what: fc.constant("refuse" as const), tag, proxy: replica }),
  fc.record({ what: fc.constant("move" as const), proxy: replica, to: replica }),
  { weight: 4, arbitrary: fc.record({ what: fc.constant("pass" as const), ms: fc.constantFrom(100, 500, 1_500, 6_000) }) },
);

class World {
  readonly scene: Operators = createOperators(REPLICAS);
  /** Where each proxy is. */
  private readonly at = names.map((_, index) => index);
  private readonly refusals: { readonly digest: string | undefined; readonly proxy: string }[] = [];
  private readonly digests = new Map<number, string>();
  /** By proxy and digest, what was offered and refused. */
  private readonly refused = new Set<string>();

  async begin(): Promise<void> {
    const { scene } = this;
    for (const { registry } of scene.replicas)
      for (const each of [1, 2, 3, 4]) this.digests.set(each, registry.push(image(each), `module ${each}`));
    await scene.start();
    scene.lead(0);
    for (const [index, { fleet }] of scene.replicas.entries()) {
      fleet.connect(`web-${index}`);
      fleet.rejects = ({ digest }, proxy) => {
        if (!this.refusals.some((each) => each.digest === digest && proxy.endsWith(each.proxy))) return undefined;
        this.refused.add(`${proxy} ${digest}`);
        return "no";
      };
    }
    await scene.run(1_000);
    scene.source.apply("f", specOf(image(1)));
    await scene.run(12_000);
  }

  async happen(it: Happening): Promise<void> {
    const { scene } = this;
    const fleetOf = (proxy: number) => scene.replica(this.at[proxy] ?? 0).fleet;
    if (it.what === "apply") {
      const rollout = {
        autoRollback: it.autoRollback,
        steps: it.percent < 100 ? [{ percent: it.percent }, { percent: 100 }] : [{ percent: 100 }],
      };
      scene.source.apply("f", specOf(image(it.tag), { rollout }));
    } else if (it.what === "lead") scene.lead(it.replica);
    else if (it.what === "cut") scene.calls.cut(`r${it.replica}`);
    else if (it.what === "mend") scene.calls.mend(`r${it.replica}`);
    else if (it.what === "api") scene.source.down = it.down;
    else if (it.what === "hang") fleetOf(it.proxy).hang(`web-${it.proxy}`, it.hangs);
    else if (it.what === "refuse") this.refusals.push({ digest: this.digests.get(it.tag), proxy: `web-${it.proxy}` });
    else if (it.what === "move") {
      if (this.at[it.proxy] === it.to) return;
      fleetOf(it.proxy).move(`web-${it.proxy}`, scene.replica(it.to).fleet);
      this.at[it.proxy] = it.to;
    } else if (it.what === "pass") await scene.run(it.ms);
  }

  /** All is well again, and there is time. */
  async heal(): Promise<void> {
    const { scene } = this;
    scene.source.down = false;
    for (let index = 0; index < REPLICAS; index++) {
      scene.calls.mend(`r${index}`);
      const { fleet } = scene.replica(this.at[index] ?? 0);
      fleet.hang(`web-${index}`, false);
      fleet.report(`web-${index}`, {
        at: scene.clock.now(),
        requests: 1,
        errors5xx: 0,
        latencySumMs: 1,
        latencyCount: 1,
        vmFailures: new Map(),
      });
    }
    scene.lead(0);
    await scene.run(75_000);
  }

  /** How many proxies were offered what has this tag and refused it. */
  refusing(tag: number): number {
    const digest = this.digests.get(tag) ?? "";
    return [...this.refused].filter((each) => each.endsWith(digest)).length;
  }

  running(): (number | undefined)[] {
    return names.map((name, index) => this.scene.replica(this.at[index] ?? 0).fleet.running(name)[0]?.revision);
  }
}

test("whatever happened to replicas, proxies and the API server: once all is well every proxy runs what the status says, which is settled", {
  timeout: 280_000,
}, async (t) => {
  const happenings = fc.array(happening, { minLength: 3, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(happenings, async (all) => {
      const world = new World();
      try {
        await world.begin();
        for (const each of all) await world.happen(each);
        await world.heal();
        const status = world.scene.status();
        const { rollout, proxies, revision, stableRevision } = status ?? {};
        const running = world.running();
        const told = JSON.stringify({ rollout, proxies, revision, stableRevision, running });
        const state = rollout?.state ?? "";
        const served = isTakenBack(state) ? stableRevision : revision;
        const refuses = all.some(({ what }) => what === "refuse");
        // Where nothing takes it back, a proxy that refuses the target keeps what it had, and the rollout waits for it.
        const waits = state === "Progressing" && refuses && all.findLast((each) => each.what === "apply")?.autoRollback === false;
        assert.ok(waits || ["Succeeded", "RolledBack", "Rejected"].includes(state), told);
        const { matched = 0, updated = 0, rejected = 0, pending = 0 } = proxies ?? {};
        assert.equal(matched, REPLICAS, told);
        // One that refuses what others go back to has neither that nor what was going out.
        if (!refuses) assert.equal(pending, 0, told);
        const last = all.findLast((each) => each.what === "apply")?.tag ?? 1;
        if (state === "Progressing") assert.ok(rejected <= world.refusing(last), told);
        const behind = running.filter((each) => each !== served).length;
        assert.ok(behind <= rejected + pending && running.length - behind >= updated, told);
      } finally {
        await world.scene.stop();
      }
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: 240_000 },
  );
  t.diagnostic(`${RUNS} runs`);
});

test("a refusal that who decides in the end could not hear of when it came is in the status", async () => {
  const world = new World();
  try {
    await world.begin();
    const all: Happening[] = [
      { what: "refuse", tag: 2, proxy: 1 },
      { what: "lead", replica: 1 },
      { what: "cut", replica: 0 },
      { what: "apply", tag: 2, percent: 100, autoRollback: false },
      { what: "pass", ms: 6_000 },
    ];
    for (const each of all) await world.happen(each);
    await world.heal();
    const { matched, updated, rejected, pending } = world.scene.status()?.proxies ?? {};
    assert.deepEqual({ matched, updated, rejected, pending }, { matched: 3, updated: 2, rejected: 1, pending: 0 });
  } finally {
    await world.scene.stop();
  }
});
