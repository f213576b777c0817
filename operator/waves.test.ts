import assert from "node:assert/strict";
import { test } from "node:test";
import type { WasmFilterSpec } from "../model/gen/wasmfilter.ts";
import type { WaveStanding } from "../model/wave-standing.ts";
import { createWaveStandings } from "./fleet/wave-standings.ts";
import { createWorld, keys, positionOf, specOf, type World } from "./testing/world.ts";

const IMAGE = "registry.example/filters/add-header:1";
const STEPS = [{ percent: 25, hold: "30s" }, { percent: 50, hold: "30s" }, { percent: 100 }];
/** In the order in which waves reach them. */
const IDS = Array.from({ length: 8 }, (_, i) => `web-${i}`).sort((a, b) => positionOf("default/f", a) - positionOf("default/f", b));

/** Eight proxies on revision 1, and then the tag moves: revision 2 is with its first wave of two. */
async function underWay(rollout: Partial<NonNullable<WasmFilterSpec["rollout"]>> = {}): Promise<{ world: World; target: string }> {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  await world.start();
  world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "5s", rollout: { steps: STEPS, ...rollout } }));
  for (let i = 0; i < 4; i++) await world.run(31_000);
  for (const id of IDS) world.fleet.connect(id);
  await world.run();
  const target = world.registry.push(IMAGE, "v2");
  await world.run(5_000);
  await world.run();
  return { world, target };
}

async function waves(world: World): Promise<readonly WaveStanding[]> {
  const [record] = world.operator.records();
  assert.ok(record);
  return createWaveStandings({ fleet: world.fleet, keys, ownNamespace: undefined })(record);
}

const wave = (step: number, counts: Partial<WaveStanding>): WaveStanding => ({
  ...{ step, percent: STEPS[step - 1]?.percent ?? 0 },
  ...{ updated: 0, awaited: 0, rejected: 0, later: 0, lost: 0 },
  ...counts,
});

test("each proxy is counted in the first wave that reaches it; nothing is counted once the rollout ended", async () => {
  const { world } = await underWay();
  assert.deepEqual(await waves(world), [wave(1, { updated: 2 }), wave(2, { later: 2 }), wave(3, { later: 4 })]);
  world.fleet.deaf(IDS[3] ?? "", true);
  await world.run(31_000);
  await world.run();
  assert.deepEqual(await waves(world), [wave(1, { updated: 2 }), wave(2, { updated: 1, awaited: 1 }), wave(3, { later: 4 })]);
  world.fleet.deaf(IDS[3] ?? "", false);
  await world.run();
  for (let i = 0; i < 3; i++) await world.run(31_000);
  assert.deepEqual(await waves(world), []);
});

test("a proxy that refused the target is not waited for as well, and one that went is lost", async () => {
  const { world, target } = await underWay({ autoRollback: false });
  world.fleet.rejects = (entry, id) => (entry.digest === target && id.endsWith(IDS[2] ?? "") ? "no root context" : undefined);
  await world.run(31_000);
  await world.run();
  assert.deepEqual(await waves(world), [wave(1, { updated: 2 }), wave(2, { updated: 1, rejected: 1 }), wave(3, { later: 4 })]);
  world.fleet.disconnect(IDS[7] ?? "");
  const counted = await waves(world);
  assert.equal(counted.at(-1)?.lost, 1);
  const all = counted.reduce((sum, { updated, awaited, rejected, later, lost }) => sum + updated + awaited + rejected + later + lost, 0);
  assert.equal(all, IDS.length);
});
