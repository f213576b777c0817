import assert from "node:assert/strict";
import { test } from "node:test";
import { findCondition } from "../model/condition.ts";
import type { WasmFilterSpec } from "../model/gen/wasmfilter.ts";
import { threshold } from "./rollout/wave.ts";
import { createWorld, positionOf, specOf, type World } from "./testing/world.ts";

const IMAGE = "registry.example/filters/add-header:1";
const STEPS = [{ percent: 25, hold: "30s" }, { percent: 50, hold: "30s" }, { percent: 100 }];
const IDS = Array.from({ length: 8 }, (_, i) => `web-${i}`);

type Rollout = NonNullable<WasmFilterSpec["rollout"]>;

function apply(world: World, rollout: Rollout = {}, annotations: Record<string, string> = {}, more: Partial<WasmFilterSpec> = {}): void {
  const spec = specOf(IMAGE, { pullPolicy: "Always", interval: "5s", rollout: { steps: STEPS, ...rollout }, ...more });
  world.source.apply("f", spec, { annotations });
}

/** Eight proxies on revision 1, and then the tag moves: revision 2 is with its first wave. */
async function underWay(rollout: Rollout = {}): Promise<{ world: World; first: string; second: string; wave: string[] }> {
  const world = createWorld();
  const first = world.registry.push(IMAGE, "v1");
  await world.start();
  apply(world, rollout);
  for (let i = 0; i < 4; i++) await world.run(31_000);
  for (const id of IDS) world.fleet.connect(id);
  await world.run();
  const second = world.registry.push(IMAGE, "v2");
  await world.run(5_000);
  await world.run();
  const wave = on(world, second);
  assert.equal(wave.length, 2);
  return { world, first, second, wave };
}

function on(world: World, digest: string): string[] {
  return IDS.filter((id) => world.fleet.running(id)[0]?.digest === digest);
}

const status = (world: World) => world.source.statusOf("f");
const state = (world: World) => status(world)?.rollout?.state;
const said = (world: World) => world.source.events.map(({ event }) => event.reason);

test("every wave is told of when it starts and passes, and so is the end", async () => {
  const { world } = await underWay();
  world.source.events.length = 0;
  for (let i = 0; i < 4; i++) await world.run(31_000);
  assert.deepEqual(said(world), ["WavePassed", "WaveStarted", "WavePassed", "WaveStarted", "Succeeded"]);
  world.source.events.length = 0;
  world.registry.push(IMAGE, "v3");
  await world.run(6_000);
  assert.deepEqual(said(world), ["Validated", "RolloutStarted", "WaveStarted"]);
  world.source.events.length = 0;
  world.registry.push(IMAGE, "junk");
  await world.run(6_000);
  assert.deepEqual(said(world), ["NotWasm"]);
});

test("pause holds the wave past its time, resume goes on from there, and a fault rolls back even so", async () => {
  const { world, second, wave } = await underWay();
  apply(world, {}, { "weir.dev/rollout-paused": "true" });
  await world.run(100_000);
  assert.equal(state(world), "Paused");
  assert.deepEqual(on(world, second), wave);
  apply(world);
  await world.run();
  await world.run();
  assert.equal(on(world, second).length, 4);
  apply(world, {}, { "weir.dev/rollout-paused": "true" });
  world.fleet.rejects = ({ digest }) => (digest === second ? "Unable to create Wasm plugin default/f" : undefined);
  const newcomer = IDS.length;
  for (let i = newcomer; i < newcomer + 20; i++) world.fleet.connect(`web-${i}`);
  await world.run();
  assert.equal(state(world), "RolledBack");
});

test("promote lets one wave pass at once, and with no wave named all of them", async () => {
  const { world, second } = await underWay();
  apply(world, {}, { "weir.dev/rollout-promote": "2/1" });
  await world.run();
  assert.equal(on(world, second).length, 4);
  await world.run(5_000);
  assert.equal(on(world, second).length, 4, "the word for wave 1 was taken for wave 2 too");
  apply(world, {}, { "weir.dev/rollout-promote": "2" });
  await world.run();
  assert.equal(state(world), "Succeeded");
});

test("a step with pause waits for promote however long it takes", async () => {
  const { world, second } = await underWay({ steps: [{ percent: 25, pause: true }, { percent: 100 }] });
  await world.run(600_000);
  assert.equal(on(world, second).length, 2);
  assert.equal(state(world), "Paused");
  apply(world, { steps: [{ percent: 25, pause: true }, { percent: 100 }] }, { "weir.dev/rollout-promote": "2/1" });
  await world.run();
  assert.equal(state(world), "Succeeded");
});

test("abort takes the revision back; under a new spec it may go out again unless the word was for any generation", async () => {
  const { world, first, second } = await underWay();
  const generation = world.source.filters().get("default/f")?.metadata.generation;
  const abort = { "weir.dev/rollout-abort": `2@${generation}` };
  apply(world, {}, abort);
  await world.run();
  assert.equal(on(world, first).length, 8);
  assert.match(status(world)?.rollout?.message ?? "", /^Aborted/);
  await world.run(60_000);
  assert.equal(on(world, first).length, 8);
  apply(world, { progressDeadline: "5m" }, abort);
  await world.run(6_000);
  assert.equal(on(world, second).length, 2);
});

test("the progress deadline rolls back, or without autoRollback says so and waits", async () => {
  for (const autoRollback of [true, false]) {
    const world = createWorld();
    const first = world.registry.push(IMAGE, "v1");
    await world.start();
    for (const id of IDS) world.fleet.connect(id);
    const rollout = { steps: [{ percent: 100 }], progressDeadline: "60s", autoRollback };
    apply(world, rollout);
    await world.run();
    const second = world.registry.push(IMAGE, "v2");
    for (const id of IDS.slice(1)) world.fleet.deaf(id, true);
    await world.run(6_000);
    await world.clock.advance(50_000);
    assert.equal(state(world), "Progressing");
    await world.clock.advance(15_000);
    const progressing = findCondition(status(world), "Progressing");
    if (autoRollback) {
      assert.equal(state(world), "RolledBack");
      assert.match(status(world)?.rollout?.message ?? "", /^ProgressDeadlineExceeded: 7 proxies/);
      for (const id of IDS) world.fleet.deaf(id, false);
      await world.run();
      assert.equal(on(world, first).length, 8);
    } else {
      assert.equal(state(world), "Failed");
      assert.equal(`${progressing?.status} ${progressing?.reason}`, "False ProgressDeadlineExceeded");
      await world.clock.advance(60_000);
      const told = world.source.events.filter(({ event }) => event.reason === "ProgressDeadlineExceeded");
      assert.deepEqual(
        told.map(({ event }) => event.message),
        [progressing?.message],
      );
      for (const id of IDS) world.fleet.deaf(id, false);
      await world.run();
      assert.equal(on(world, second).length, 8);
      assert.equal(state(world), "Succeeded");
    }
  }
});

test("proxies that connect during a rollout get what their place on the line says, and stable when it failed", async () => {
  const { world, first, second } = await underWay();
  const end = status(world)?.rollout?.threshold ?? 0;
  const late = Array.from({ length: 20 }, (_, i) => `late-${i}`);
  for (const id of late) world.fleet.connect(id);
  await world.run();
  for (const id of late) {
    const expected = positionOf("default/f", id) < end ? second : first;
    assert.equal(world.fleet.running(id)[0]?.digest, expected, id);
  }
  assert.ok(late.some((id) => world.fleet.running(id)[0]?.digest === second));
  apply(world, {}, { "weir.dev/rollout-abort": "2" });
  await world.run();
  for (const id of late.slice(10)) world.fleet.renew(id);
  world.fleet.connect("latest");
  await world.run();
  for (const id of [...late, "latest"]) assert.equal(world.fleet.running(id)[0]?.digest, first, id);
});

test("proxies that come and go neither stop a held wave nor start its hold again", async () => {
  const { world, second } = await underWay();
  const end = status(world)?.rollout?.threshold ?? 0;
  const inside = Array.from({ length: 99 }, (_, i) => `new-${i}`).filter((id) => positionOf("default/f", id) < end);
  assert.ok(inside.length > 5);
  await world.run(20_000);
  for (const id of inside) world.fleet.connect(id);
  await world.run(1_000);
  world.fleet.disconnect(inside[0] ?? "");
  await world.run(6_000);
  assert.equal(on(world, second).length, 2);
  await world.run(4_000);
  await world.run();
  assert.equal(status(world)?.rollout?.step, 2, "the hold of 30 s began anew");
});

test("a rollout that begins right after a start is cut from the whole fleet, not from the first proxies that are back", async () => {
  const { world, wave } = await underWay();
  for (let i = 0; i < 4; i++) await world.run(31_000);
  const third = world.registry.push(IMAGE, "v3");
  world.fleet.loseMemory();
  await world.restart();
  for (const id of IDS.toReversed()) {
    assert.deepEqual(on(world, third), []);
    world.fleet.connect(id);
    await world.run(300);
  }
  await world.run();
  assert.deepEqual(on(world, third), wave);
});

test("an operator that is killed while proxies are still coming back leaves word of all of them", async () => {
  const { world, wave } = await underWay();
  for (let i = 0; i < 4; i++) await world.run(31_000);
  const third = world.registry.push(IMAGE, "v3");
  for (let kill = 0; kill < 3; kill++) {
    world.fleet.loseMemory();
    await world.restart();
    world.fleet.connect("web-7");
    await world.run(1_000);
    assert.deepEqual(status(world)?.proxies, { matched: 8, updated: 1, rejected: 0, pending: 7 });
    assert.deepEqual(on(world, third), []);
  }
  for (const id of IDS) world.fleet.connect(id);
  await world.run();
  await world.run();
  assert.deepEqual(on(world, third), wave);
});

test("proxies that do not come back after a start are counted out", async () => {
  const { world } = await underWay();
  for (let i = 0; i < 4; i++) await world.run(31_000);
  world.fleet.loseMemory();
  await world.restart();
  world.fleet.connect("web-7");
  await world.run(9_000);
  assert.equal(status(world)?.proxies?.matched, 8);
  await world.run(1_500);
  await world.run();
  assert.deepEqual(status(world)?.proxies, { matched: 1, updated: 1, rejected: 0, pending: 0 });
});

test("a clock that is set back stops nothing, one that is set forward breaks no rule", async () => {
  const { world, second } = await underWay();
  await world.run(10_000);
  world.clock.jump(-3_600_000);
  await world.run(46_000);
  await world.run();
  assert.equal(on(world, second).length, 4);
  world.clock.jump(3_600_000);
  await world.run(1_000);
  await world.run();
  assert.equal(on(world, second).length, 8);
  assert.equal(state(world), "Succeeded");
});

test("after a restart the wave is the same, its hold goes on but is watched for a while, and rejections are still told", async () => {
  const { world, first, second, wave } = await underWay();
  await world.run(29_000);
  await world.restart();
  await world.run(9_000);
  assert.deepEqual(on(world, second), wave, "a wave passed that nobody had watched");
  await world.run(2_000);
  await world.run();
  assert.equal(on(world, second).length, 4);
  world.fleet.rejects = ({ digest }) => (digest === second ? "Unable to create Wasm plugin default/f" : undefined);
  await world.run(31_000);
  await world.run();
  assert.equal(on(world, first).length, 8);
  const before = status(world);
  assert.equal(before?.proxies?.rejected, 4);
  await world.restart();
  await world.run();
  assert.deepEqual(status(world)?.rejections, before?.rejections);
  assert.deepEqual(status(world)?.proxies, before?.proxies);
  const [again] = status(world)?.rejections ?? [];
  world.fleet.renew(again?.proxy ?? "");
  await world.run();
  await world.run();
  assert.equal(status(world)?.proxies?.rejected, 3, "a new process is held to what the old one refused");
});

test("a filter whose rollout fails takes no other one down that goes out at the same time", async () => {
  for (const [anonymous, autoRollback] of [
    [false, true],
    [true, true],
    [false, false],
  ] as const) {
    const world = createWorld();
    const image = { f: "registry.example/f:1", g: "registry.example/g:1" };
    await world.start();
    for (const name of ["f", "g"] as const) {
      world.registry.push(image[name], `${name} v1`);
      world.source.apply(
        name,
        specOf(image[name], { pullPolicy: "Always", interval: "5s", rollout: { steps: [{ percent: 100 }], autoRollback } }),
      );
    }
    for (const id of IDS) world.fleet.connect(id);
    await world.run();
    world.fleet.anonymous = anonymous;
    const bad = world.registry.push(image.g, "g v2");
    const good = world.registry.push(image.f, "f v2");
    world.fleet.rejects = ({ digest }) => (digest === bad ? "Unable to create Wasm plugin default/g" : undefined);
    await world.clock.advance(5_000);
    for (let i = 0; i < 4; i++) await world.run();
    const what = `anonymous: ${anonymous}, autoRollback: ${autoRollback}`;
    assert.equal(world.source.statusOf("g")?.rollout?.state, autoRollback ? "RolledBack" : "Progressing", what);
    assert.equal(world.source.statusOf("f")?.rollout?.state, "Succeeded", what);
    for (const id of IDS)
      assert.ok(
        world.fleet.running(id).some(({ digest }) => digest === good),
        id,
      );
  }
});

test("the spec's digest rolls back at once: registry down, operator just started, tag moved, proxies still coming back", async () => {
  const { world, first } = await underWay();
  for (let i = 0; i < 4; i++) await world.run(31_000);
  assert.equal(status(world)?.stableRevision, 2);
  world.registry.push(IMAGE, "v3");
  world.registry.down = true;
  for (const id of IDS) world.fleet.disconnect(id);
  await world.restart();
  const validations = world.validations;
  apply(world, {}, {}, { digest: first });
  world.fleet.connect("web-0");
  await world.run(300);
  assert.equal(world.fleet.running("web-0")[0]?.digest, first);
  for (const id of IDS) world.fleet.connect(id);
  await world.run();
  assert.equal(on(world, first).length, 8);
  assert.equal(world.validations, validations);
  assert.equal(status(world)?.revision, 1);
  await world.run();
  assert.equal(status(world)?.stableRevision, 1);
});

test("threshold and position: an id keeps its place, and a share is never exceeded", () => {
  const positions = Array.from({ length: 1_000 }, (_, i) => positionOf("shop/f", `proxy-${i}`));
  for (const percent of [1, 10, 33, 50, 99]) {
    const end = threshold(percent, positions, 0);
    assert.equal(positions.filter((at) => at < end).length, percent * 10);
  }
  assert.equal(new Set(positions).size, 1_000);
  const spread = positions.filter((at) => at < 2 ** 31).length;
  assert.ok(spread > 400 && spread < 600, `${spread} of 1000 in the lower half`);
});

test("a clock that is set back right after a start does not keep proxies that are gone in the counts", async () => {
  const { world } = await underWay();
  for (let i = 0; i < 4; i++) await world.run(31_000);
  world.fleet.loseMemory();
  await world.restart();
  world.fleet.connect("web-7");
  await world.run(1_000);
  world.clock.jump(-1_800_000);
  await world.run(10_500);
  await world.run();
  assert.deepEqual(status(world)?.proxies, { matched: 1, updated: 1, rejected: 0, pending: 0 });
});
