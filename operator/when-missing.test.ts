import assert from "node:assert/strict";
import { test } from "node:test";
import { findCondition } from "../model/condition.ts";
import { createWorld, specOf } from "./testing/world.ts";

const IMAGE = "registry.example/filters/auth:1";
const closed = { failurePolicy: "Closed" } as const;

/** What a proxy has of the filter: `503`, a revision, or nothing. */
function has(world: ReturnType<typeof createWorld>, proxy: string): string {
  const [entry] = world.fleet.running(proxy);
  return entry === undefined ? "nothing" : entry.isPlaceholder ? "503" : `revision ${entry.revision}`;
}

const programmed = (world: ReturnType<typeof createWorld>) => {
  const found = findCondition(world.source.statusOf("f"), "Programmed");
  return `${found?.status} ${found?.reason}: ${found?.message}`;
};

test("a filter that must be there answers 503 until it is loaded, says so, and leaves when it is deleted", async () => {
  const world = createWorld();
  await world.start();
  world.fleet.connect("web-1");
  world.source.apply("f", specOf(IMAGE, closed));
  await world.run();
  assert.equal(has(world, "web-1"), "503");
  assert.equal(programmed(world), "False Missing: no revision can be served; 1 of 1 proxies answer 503 in its place (whenMissing: Closed)");
  world.source.apply("f", specOf(IMAGE, { ...closed, whenMissing: "Open" }));
  await world.run();
  assert.equal(has(world, "web-1"), "nothing");
  assert.match(programmed(world), /^False NothingToServe/);
  world.source.apply("f", specOf(IMAGE, closed));
  await world.run();
  assert.equal(has(world, "web-1"), "503");
  world.registry.push(IMAGE, "v1");
  await world.run(70_000);
  await world.run();
  assert.equal(has(world, "web-1"), "revision 1");
  world.source.remove("f");
  await world.run();
  assert.equal(has(world, "web-1"), "nothing");
});

test("a first revision that is rejected leaves 503, and is not offered again", async () => {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  world.fleet.rejects = ({ placeholder }, proxy) => (placeholder === undefined && proxy === "web-2" ? "no" : undefined);
  await world.start();
  for (const proxy of ["web-1", "web-2"]) world.fleet.connect(proxy);
  world.source.apply("f", specOf(IMAGE, closed));
  for (let i = 0; i < 4; i++) await world.run();
  assert.equal(world.source.statusOf("f")?.rollout?.state, "Rejected");
  assert.deepEqual([has(world, "web-1"), has(world, "web-2")], ["503", "503"]);
  await world.restart();
  await world.run();
  assert.deepEqual([has(world, "web-1"), has(world, "web-2")], ["503", "503"]);
});

test("a change of whenMissing alone makes no revision and no rollout", async () => {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  await world.start();
  world.fleet.connect("web-1");
  for (const whenMissing of ["Open", "Closed", "Open"] as const) {
    world.source.apply("f", specOf(IMAGE, { whenMissing }));
    for (let i = 0; i < 3; i++) await world.run();
    assert.equal(world.source.statusOf("f")?.history?.length, 1);
    assert.equal(has(world, "web-1"), "revision 1");
  }
});

test("a filter that was suspended from the first on stands in nobody's way; one that is suspended later still does, over a restart too", async () => {
  const world = createWorld();
  await world.start();
  world.fleet.connect("web-1");
  world.source.apply("f", specOf(IMAGE, { ...closed, suspend: true }));
  await world.run();
  assert.equal(has(world, "web-1"), "nothing");
  world.source.apply("f", specOf(IMAGE, closed));
  await world.run();
  world.source.apply("f", specOf(IMAGE, { ...closed, suspend: true }));
  await world.run();
  assert.equal(has(world, "web-1"), "503");
  await world.restart();
  await world.run();
  assert.equal(has(world, "web-1"), "503");
});

test("a spec that does not parse changes nothing, and a first one demands nothing", async () => {
  const world = createWorld();
  await world.start();
  world.fleet.connect("web-1");
  const wrong = specOf(IMAGE, { ...closed, priority: "high" as never });
  world.source.apply("f", wrong);
  await world.run();
  assert.equal(has(world, "web-1"), "nothing");
  world.source.apply("f", specOf(IMAGE, closed));
  await world.run();
  world.source.apply("f", wrong);
  await world.run();
  assert.equal(has(world, "web-1"), "503");
  for (let i = 0; i < 2; i++) {
    await world.restart();
    await world.run();
  }
  assert.match(programmed(world), /^False Missing/);
  assert.equal(has(world, "web-1"), "503", "what the spec before said is not known any more: the proxy keeps what it has");
  world.source.remove("f");
  await world.run();
  assert.equal(has(world, "web-1"), "nothing");
});

test("before its wave a proxy is as before the filter, and in it 503 until it took the filter", async () => {
  const world = createWorld();
  await world.start();
  const proxies = ["web-1", "web-2", "web-3", "web-4"];
  for (const proxy of proxies) world.fleet.connect(proxy);
  const rollout = { steps: [{ percent: 25, pause: true }, { percent: 100 }] };
  world.source.apply("f", specOf(IMAGE, { ...closed, rollout }));
  await world.run();
  assert.deepEqual(new Set(proxies.map((proxy) => has(world, proxy))), new Set(["nothing"]));
  const dark = { steps: [{ match: [{ headers: [{ name: "x-canary", present: true }] }], pause: true }, { percent: 100 }] };
  world.source.apply("f", specOf(IMAGE, { ...closed, rollout: dark }));
  await world.run();
  assert.deepEqual(new Set(proxies.map((proxy) => has(world, proxy))), new Set(["nothing"]), "a dark step comes first");
  world.source.apply("f", specOf(IMAGE, { ...closed, rollout }));
  world.fleet.rejects = ({ placeholder }) => (placeholder === undefined ? "no" : undefined);
  world.registry.push(IMAGE, "v1");
  await world.run(70_000);
  for (let i = 0; i < 3; i++) await world.run();
  assert.deepEqual(proxies.map((proxy) => has(world, proxy)).sort(), ["503", "nothing", "nothing", "nothing"]);
});
