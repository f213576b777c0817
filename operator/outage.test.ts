import assert from "node:assert/strict";
import { test } from "node:test";
import { createWorld, specOf } from "./testing/world.ts";

const IMAGE = "registry.example/filters/add-header:1";

test("a revision that cannot be recorded reaches no proxy, and goes out when it can", async () => {
  const world = createWorld();
  const first = world.registry.push(IMAGE, "v1");
  const second = world.registry.push("registry.example/filters/add-header:2", "v2");
  await world.start();
  world.fleet.connect("a");
  world.source.apply("f", specOf(IMAGE));
  await world.run();
  world.source.down = true;
  world.source.apply("f", specOf("registry.example/filters/add-header:2"));
  await world.run(20_000);
  assert.equal(world.fleet.running("a")[0]?.digest, first);
  world.source.down = false;
  await world.run(60_000);
  await world.run();
  assert.equal(world.fleet.running("a")[0]?.digest, second);
  assert.equal(world.source.statusOf("f")?.stableRevision, 2);
});

test("a step forward waits for an API server that hangs", async () => {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  await world.start();
  for (const id of ["a", "b", "c", "d"]) world.fleet.connect(id);
  const rollout = { steps: [{ percent: 50, hold: "10s" }, { percent: 100 }] };
  world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "5s", rollout }));
  for (let i = 0; i < 3; i++) await world.run(11_000);
  const second = world.registry.push(IMAGE, "v2");
  await world.run(6_000);
  await world.run();
  const on = (digest: string) => ["a", "b", "c", "d"].filter((id) => world.fleet.running(id)[0]?.digest === digest).length;
  assert.equal(on(second), 2);
  const { promise, resolve } = Promise.withResolvers<void>();
  world.source.hanging = promise;
  await world.run(60_000);
  await world.run();
  assert.equal(on(second), 2, "a wave started that was not recorded");
  assert.equal(world.source.statusOf("f")?.rollout?.step, 1);
  resolve();
  await world.run();
  await world.run();
  assert.equal(on(second), 4);
});

for (const setBackMs of [0, 3_600_000])
  test(`a rollback does not wait for an API server that hangs, on a clock that is set back by ${setBackMs} ms meanwhile`, async () => {
    const world = createWorld();
    const first = world.registry.push(IMAGE, "v1");
    await world.start();
    for (const id of ["a", "b"]) world.fleet.connect(id);
    world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "5s" }));
    await world.run();
    const bad = world.registry.push(IMAGE, "v2");
    world.fleet.rejects = ({ digest }, id) => (digest === bad && id === "a" ? "Unable to create Wasm plugin default/f" : undefined);
    await world.clock.advance(5_000);
    const { promise, resolve } = Promise.withResolvers<void>();
    world.source.hanging = promise;
    world.fleet.answer("a");
    await world.clock.advance(50);
    world.clock.jump(-setBackMs);
    await world.clock.advance(500);
    const [desired] = world.fleet.proxy("b")?.slots.get("default")?.desired ?? [];
    assert.equal(desired?.digest, first);
    assert.equal(world.source.statusOf("f")?.rollout?.state, "Progressing");
    resolve();
    await world.run();
    assert.equal(world.source.statusOf("f")?.rollout?.state, "RolledBack");
  });

test("a module that the store lost is served again as soon as the registry has it", async () => {
  const world = createWorld();
  const first = world.registry.push(IMAGE, "v1");
  await world.start();
  world.fleet.connect("a");
  world.source.apply("f", specOf(IMAGE));
  await world.run();
  world.registry.down = true;
  world.registry.loseStore();
  await world.restart();
  world.fleet.connect("new");
  await world.run(20_000);
  assert.deepEqual(world.fleet.running("new"), [], "a slot that is held was answered");
  world.registry.down = false;
  await world.run(61_000);
  await world.run();
  assert.equal(world.fleet.running("new")[0]?.digest, first);
  assert.equal(world.source.statusOf("f")?.history?.length, 1);
});

test("a module that is missing when it is to be sent is fetched again, and nothing is taken off the path meanwhile", async () => {
  const world = createWorld();
  const first = world.registry.push(IMAGE, "v1");
  await world.start();
  world.fleet.connect("a");
  world.source.apply("f", specOf(IMAGE));
  await world.run();
  const [running] = world.fleet.running("a");
  world.registry.loseStore();
  world.registry.down = true;
  if (running !== undefined) world.fleet.miss(running.wasmDigest);
  await world.run();
  world.fleet.connect("new");
  await world.run();
  assert.equal(world.fleet.running("a")[0]?.digest, first, "the filter was taken off the path");
  assert.deepEqual(world.fleet.running("new"), [], "a slot that is held was answered");
  world.registry.down = false;
  await world.run(11_000);
  await world.run();
  assert.equal(world.fleet.running("new")[0]?.digest, first);
});

test("a revision that is taken back while the API server hangs goes out to nobody when it is there again", async () => {
  const world = createWorld();
  const first = world.registry.push(IMAGE, "v1");
  const second = world.registry.push("registry.example/filters/add-header:2", "v2");
  await world.start();
  world.fleet.connect("a");
  world.source.apply("f", specOf(IMAGE));
  await world.run();
  const outages = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  world.source.hanging = outages[0].promise;
  world.source.apply("f", specOf("registry.example/filters/add-header:2"));
  await world.run(2_000);
  const assigned = new Set<string>();
  const { assign } = world.fleet;
  world.fleet.assign = (id, slots) => {
    for (const chain of slots.values()) if (chain !== "hold") for (const { digest } of chain) assigned.add(digest);
    assign(id, slots);
  };
  world.source.apply("f", specOf("registry.example/filters/add-header:2", { digest: first }));
  await world.run(2_000);
  world.source.hanging = outages[1].promise;
  outages[0].resolve();
  await world.run(1_000);
  outages[1].resolve();
  for (let i = 0; i < 3; i++) await world.run(1_000);
  assert.equal(assigned.has(second), false, "a revision that nobody asks for any more went out");
  assert.equal(world.source.statusOf("f")?.revision, 1);
  assert.equal(world.source.statusOf("f")?.rollout?.state, "Succeeded");
});
