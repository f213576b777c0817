import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChainEntry } from "../model/delivery.ts";
import type { WasmFilterSpec } from "../model/gen/wasmfilter.ts";
import { createWorld, specOf, type World } from "./testing/world.ts";

const IMAGE = "registry.example/filters/add-header:1";
const CANARY = [{ headers: [{ name: "x-canary", exact: "1" }] }];
const STEPS = [{ match: CANARY, percent: 50, pause: true }, { percent: 25, hold: "30s" }, { percent: 100 }];
const IDS = ["web-0", "web-1", "web-2", "web-3"];

/** What a proxy acknowledged last of the filter: `1`, or `2 dark 1` where some requests see revision 2 and the others 1. */
class Acked {
  private readonly last = new Map<string, ChainEntry | undefined>();

  constructor({ fleet }: World) {
    fleet.onAck = (id, chain) =>
      void this.last.set(
        id,
        chain.find(({ filter }) => filter.name === "f"),
      );
  }

  all(): string[] {
    return IDS.map((id) => {
      const entry = this.last.get(id);
      if (entry === undefined) return "none";
      return entry.dark === undefined ? `${entry.revision}` : `${entry.revision} dark ${entry.dark.otherwise?.revision ?? "none"}`;
    }).sort();
  }
}

function apply(world: World, more: Partial<WasmFilterSpec> = {}, annotations: Record<string, string> = {}): void {
  world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "5s", rollout: { steps: STEPS }, ...more }), { annotations });
}

const status = (world: World) => world.source.statusOf("f");
const promoted = (world: World, step = 1) => ({ "weir.dev/rollout-promote": `${status(world)?.revision}/${step}` });

async function settle(world: World, ms = 0): Promise<void> {
  await world.run(ms);
  await world.run();
}

/** Revision 1 is stable everywhere, and the tag moves. `old`: proxies that take each filter by itself. */
async function inTheDark(old: readonly string[] = [], more: Partial<WasmFilterSpec> = {}) {
  const world = createWorld();
  const acked = new Acked(world);
  world.registry.push(IMAGE, "v1");
  await world.start();
  apply(world, { rollout: { steps: [{ percent: 100 }] } });
  for (const id of IDS) world.fleet.connect(id, { takesChains: !old.includes(id) });
  await settle(world);
  await settle(world, 6_000);
  assert.deepEqual(acked.all(), ["1", "1", "1", "1"]);
  world.registry.push(IMAGE, "v2");
  apply(world, more);
  await settle(world, 6_000);
  return { world, acked };
}

test("in a dark step the proxies of the wave have both revisions, and wait for a person; then the waves go on", async () => {
  const { world, acked } = await inTheDark();
  assert.deepEqual(acked.all(), ["1", "1", "2 dark 1", "2 dark 1"]);
  const { rollout, stableRevision, proxies } = status(world) ?? {};
  assert.deepEqual([rollout?.state, rollout?.step, rollout?.percent, stableRevision], ["Paused", 1, 50, 1]);
  assert.deepEqual(rollout?.match, CANARY);
  assert.match(rollout?.message ?? "", /x-canary: 1/);
  assert.deepEqual(proxies, { matched: 4, updated: 2, rejected: 0, pending: 2 });
  await settle(world, 3_600_000);
  assert.deepEqual(acked.all(), ["1", "1", "2 dark 1", "2 dark 1"]);

  apply(world, {}, promoted(world));
  await settle(world);
  assert.deepEqual(acked.all(), ["1", "1", "1", "2"], "a quarter of them for all requests, fewer than had it in the dark");
  assert.equal(status(world)?.rollout?.match, undefined);
  await settle(world, 31_000);
  await settle(world, 1_000);
  assert.deepEqual(acked.all(), ["2", "2", "2", "2"]);
  assert.equal(status(world)?.rollout?.state, "Succeeded");
});

test("a restart in a dark step keeps it", async () => {
  const { world, acked } = await inTheDark();
  await world.restart();
  await settle(world, 20_000);
  assert.deepEqual(acked.all(), ["1", "1", "2 dark 1", "2 dark 1"]);
  assert.equal(status(world)?.rollout?.state, "Paused");
  apply(world, {}, promoted(world));
  await settle(world);
  assert.deepEqual(acked.all(), ["1", "1", "1", "2"]);
});

test("a rejection in the dark takes the revision back, and so do an abort and a pin", async () => {
  const world = createWorld();
  const acked = new Acked(world);
  world.registry.push(IMAGE, "v1");
  await world.start();
  apply(world, { rollout: { steps: [{ percent: 100 }] } });
  for (const id of IDS) world.fleet.connect(id);
  await settle(world, 6_000);
  world.fleet.rejects = ({ revision, dark }) =>
    revision === 2 && dark !== undefined ? "Unable to create Wasm plugin default/f@2" : undefined;
  world.registry.push(IMAGE, "v2");
  apply(world);
  await settle(world, 6_000);
  assert.equal(status(world)?.rollout?.state, "RolledBack");
  assert.deepEqual(acked.all(), ["1", "1", "1", "1"]);
  assert.match(status(world)?.history?.find(({ revision }) => revision === 2)?.message ?? "", /f@2/);

  world.registry.push(IMAGE, "v3");
  await settle(world, 6_000);
  assert.deepEqual(acked.all(), ["1", "1", "3 dark 1", "3 dark 1"]);
  apply(world, {}, { "weir.dev/rollout-abort": "3" });
  await settle(world);
  assert.deepEqual(acked.all(), ["1", "1", "1", "1"]);
  assert.equal(status(world)?.rollout?.match, undefined);

  world.registry.push(IMAGE, "v4");
  await settle(world, 6_000);
  assert.deepEqual(acked.all(), ["1", "1", "4 dark 1", "4 dark 1"]);
  const first = status(world)?.history?.find(({ revision }) => revision === 1)?.digest;
  apply(world, first === undefined ? {} : { digest: first });
  await settle(world);
  assert.deepEqual(acked.all(), ["1", "1", "1", "1"]);
});

test("proxies that take each filter by itself stay on stable, and nobody waits for them", async () => {
  const { world, acked } = await inTheDark(IDS);
  assert.deepEqual(acked.all(), ["1", "1", "1", "1"]);
  assert.deepEqual(status(world)?.proxies, { matched: 4, updated: 0, rejected: 0, pending: 4 });
  assert.equal(status(world)?.rollout?.state, "Paused");
  apply(world, {}, promoted(world));
  await settle(world);
  assert.deepEqual(acked.all(), ["1", "1", "1", "2"]);
});

test("a revision that is to stand in another place has no dark step: everyone stays on stable in it", async () => {
  for (const more of [{ priority: 5 }, { slot: "other" }]) {
    const { world, acked } = await inTheDark([], more);
    assert.deepEqual(acked.all(), ["1", "1", "1", "1"]);
    assert.equal(status(world)?.rollout?.state, "Paused");
    assert.match(status(world)?.rollout?.message ?? "", /slot or priority/);
  }
});

test("of a first revision the requests that match see it, and the others nothing", async () => {
  const world = createWorld();
  const acked = new Acked(world);
  world.registry.push(IMAGE, "v1");
  await world.start();
  for (const id of IDS) world.fleet.connect(id);
  apply(world);
  for (let i = 0; i < 4; i++) await settle(world, 6_000);
  assert.deepEqual(acked.all(), ["1 dark none", "1 dark none", "none", "none"]);
  apply(world, {}, promoted(world, 2));
  for (let i = 0; i < 3; i++) await settle(world, 1_000);
  assert.deepEqual(acked.all(), ["1", "1", "1", "1"]);
});

test("other requests in the spec begin the step anew; a pause keeps those that there were", async () => {
  const { world } = await inTheDark();
  const other = [{ path: { prefix: "/canary" } }];
  const steps = [{ match: other, percent: 100, pause: true }, ...STEPS.slice(1)];
  apply(world, { rollout: { steps }, suspend: true });
  await settle(world);
  assert.deepEqual(status(world)?.rollout?.match, CANARY);
  apply(world, { rollout: { steps } });
  await settle(world);
  await settle(world, 1_000);
  assert.deepEqual(status(world)?.rollout?.match, other);
  assert.equal(status(world)?.proxies?.updated, 4);
  assert.equal(status(world)?.rollout?.state, "Paused");
});
