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

test("a rollback does not wait for an API server that hangs", async () => {
  const world = createWorld();
  const first = world.registry.push(IMAGE, "v1");
  await world.start();
  world.fleet.connect("a");
  world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "5s" }));
  await world.run();
  const bad = world.registry.push(IMAGE, "v2");
  world.fleet.rejects = ({ digest }) => (digest === bad ? "Unable to create Wasm plugin default/f" : undefined);
  await world.clock.advance(5_000);
  const { promise, resolve } = Promise.withResolvers<void>();
  world.source.hanging = promise;
  world.fleet.answer("a");
  await world.clock.advance(500);
  const [desired] = world.fleet.proxy("a")?.slots.get("default")?.desired ?? [];
  assert.equal(desired?.digest, first);
  assert.equal(world.source.statusOf("f")?.rollout?.state, "Progressing");
  resolve();
  await world.run();
  assert.equal(world.source.statusOf("f")?.rollout?.state, "RolledBack");
});
