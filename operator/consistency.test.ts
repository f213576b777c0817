import assert from "node:assert/strict";
import { test } from "node:test";
import { createWorld, specOf } from "./testing/world.ts";

const IMAGE = "registry.example/filters/add-header:1";
const IDS = ["a", "b", "c", "d"];

test("one digest reaches the whole fleet though the tag moves between two waves, the operator starts anew and proxies come later", async () => {
  const world = createWorld();
  const first = world.registry.push(IMAGE, "v1");
  await world.start();
  for (const id of IDS) world.fleet.connect(id);
  // A share is cut when the proxies had their time to come.
  await world.run(10_000);
  const rollout = { steps: [{ percent: 50, hold: "10s" }, { percent: 100 }] };
  world.source.apply("f", specOf(IMAGE, { rollout }));
  await world.run(5_000);
  const on = (digest: string) => [...IDS, "late"].filter((id) => world.fleet.running(id)[0]?.digest === digest).length;
  assert.equal(on(first), 2);
  const second = world.registry.push(IMAGE, "v2");
  world.fleet.connect("late");
  await world.restart();
  for (let i = 0; i < 4; i++) await world.run(11_000);
  assert.equal(on(first), 5);
  assert.equal(on(second), 0);
});

test("a proxy that was away through several revisions comes back to the newest, by way of none that it missed", async () => {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  await world.start();
  for (const id of IDS) world.fleet.connect(id);
  world.source.apply("f", specOf(IMAGE));
  await world.run();
  const taken: number[] = [];
  world.fleet.onAck = (id, chain) => void (id === "a" && taken.push(...chain.map(({ revision }) => revision)));
  world.fleet.disconnect("a");
  for (const config of [2, 3, 4]) {
    world.source.apply("f", specOf(IMAGE, { config: { config } }));
    await world.run(6_000);
  }
  world.fleet.connect("a");
  await world.run();
  assert.deepEqual(taken, [4]);
});
