import assert from "node:assert/strict";
import { test } from "node:test";
import { type ConditionType, findCondition } from "../model/condition.ts";
import type { WasmFilterStatus } from "../model/gen/wasmfilter.ts";
import { createWorld, specOf } from "./testing/world.ts";

const IMAGE = "registry.example/filters/add-header:1";

function condition(status: WasmFilterStatus | undefined, type: ConditionType): string {
  const found = findCondition(status, type);
  return `${found?.status} ${found?.reason}`;
}

test("a filter that is applied reaches the matching proxies and says so in its status", async () => {
  const world = createWorld();
  const digest = world.registry.push(IMAGE, "v1");
  await world.start();
  world.fleet.connect("web-1", { labels: { app: "web" } });
  world.fleet.connect("db-1", { labels: { app: "db" } });
  world.source.apply("add-header", specOf(IMAGE, { selector: { matchLabels: { app: "web" } } }));
  await world.run();
  assert.equal(world.fleet.running("web-1")[0]?.digest, digest);
  assert.deepEqual(world.fleet.running("db-1"), []);
  const status = world.source.statusOf("add-header");
  assert.deepEqual(status?.proxies, { matched: 1, updated: 1, rejected: 0, pending: 0 });
  assert.equal(status?.digest, digest);
  assert.equal(status?.stableRevision, 1);
  assert.equal(condition(status, "Ready"), "True Ready");
});

test("a proxy is not answered before the desired state is known", async () => {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  world.source.apply("add-header", specOf(IMAGE));
  world.fleet.connect("web-1");
  const chains: number[] = [];
  world.fleet.onAck = (_id, chain) => chains.push(chain.length);
  await world.start();
  await world.run();
  assert.deepEqual(chains, [1]);
});

test("filters of one namespace never reach the proxies of another, those of the operator's own reach all", async () => {
  const world = createWorld("weir-system");
  world.registry.push(IMAGE, "v1");
  world.source.apply("theirs", specOf(IMAGE), { namespace: "other" });
  world.source.apply("everywhere", specOf(IMAGE), { namespace: "weir-system" });
  await world.start();
  world.fleet.connect("web-1", { namespace: "shop" });
  await world.run();
  assert.deepEqual(
    world.fleet.running("web-1").map(({ filter }) => filter.name),
    ["everywhere"],
  );
});

test("higher priority runs first and ties go by name", async () => {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  world.source.apply("b", specOf(IMAGE));
  world.source.apply("a", specOf(IMAGE));
  world.source.apply("z", specOf(IMAGE, { priority: 10 }));
  await world.start();
  world.fleet.connect("web-1");
  await world.run();
  assert.deepEqual(
    world.fleet.running("web-1").map(({ filter }) => filter.name),
    ["z", "a", "b"],
  );
});

test("a module that preflight refuses reaches no proxy and leaves the old one serving", async () => {
  const world = createWorld();
  const digest = world.registry.push(IMAGE, "v1");
  await world.start();
  world.fleet.connect("web-1");
  world.source.apply("add-header", specOf(IMAGE));
  await world.run();
  world.registry.push("registry.example/bad:1", "junk");
  world.source.apply("add-header", specOf("registry.example/bad:1"));
  await world.run();
  assert.equal(world.fleet.running("web-1")[0]?.digest, digest);
  const status = world.source.statusOf("add-header");
  assert.equal(condition(status, "Validated"), "False NotWasm");
  assert.equal(condition(status, "Ready"), "False NotWasm");
  assert.equal(status?.observedGeneration, 2);
  assert.equal(status?.digest, digest);
});

test("a tag that moves is followed with Always and ignored with IfNotPresent, across a restart too", async () => {
  const world = createWorld();
  const first = world.registry.push(IMAGE, "v1");
  await world.start();
  world.fleet.connect("web-1");
  world.source.apply("follows", specOf(IMAGE, { pullPolicy: "Always", interval: "5s" }));
  world.source.apply("stays", specOf(IMAGE, { pullPolicy: "IfNotPresent" }));
  await world.run();
  const second = world.registry.push(IMAGE, "v2");
  await world.run(5_000);
  const digests = () => Object.fromEntries(world.fleet.running("web-1").map(({ filter, digest }) => [filter.name, digest]));
  assert.deepEqual(digests(), { follows: second, stays: first });
  await world.restart();
  await world.run();
  assert.deepEqual(digests(), { follows: second, stays: first });
});

test("rolling back by digest needs no registry, no compile and makes no new revision", async () => {
  const world = createWorld();
  const first = world.registry.push(IMAGE, "v1");
  await world.start();
  world.fleet.connect("web-1");
  world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "5s" }));
  await world.run();
  world.registry.push(IMAGE, "v2");
  await world.run(5_000);
  await world.restart();
  const before = world.validations;
  world.registry.down = true;
  world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "5s", digest: first }));
  await world.run();
  assert.equal(world.fleet.running("web-1")[0]?.digest, first);
  assert.equal(world.validations, before);
  const status = world.source.statusOf("f");
  assert.equal(status?.revision, 1);
  assert.deepEqual(
    status?.history?.map(({ revision, result }) => [revision, result]),
    [
      [2, "Succeeded"],
      [1, "Succeeded"],
    ],
  );
  assert.equal(condition(status, "Ready"), "True Ready");
});

test("a revision that a proxy rejects is rolled back by itself and not tried again until the spec changes", async () => {
  const world = createWorld();
  const first = world.registry.push(IMAGE, "v1");
  await world.start();
  for (const id of ["a", "b", "c"]) world.fleet.connect(id);
  world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "5s" }));
  await world.run();
  const bad = world.registry.push(IMAGE, "bad");
  const loaded = new Set<string>();
  world.fleet.onAck = (id, chain) => void (chain[0]?.digest === bad && loaded.add(id));
  world.fleet.rejects = (entry, id) => (entry.digest === bad && id === "b" ? "Unable to create Wasm plugin default/f" : undefined);
  await world.run(5_000);
  await world.run();
  for (const id of ["a", "b", "c"]) assert.equal(world.fleet.running(id)[0]?.digest, first, id);
  const status = world.source.statusOf("f");
  assert.equal(status?.revision, 2);
  assert.equal(status?.stableRevision, 1);
  assert.equal(status?.digest, first);
  assert.equal(condition(status, "RolledBack"), "True Rejected");
  assert.equal(condition(status, "Ready"), "False RolledBack");
  assert.deepEqual(status?.rejections, [{ proxy: "b", namespace: "default", message: "Unable to create Wasm plugin default/f" }]);
  assert.deepEqual(status?.proxies, { matched: 3, updated: 2, rejected: 1, pending: 0 });
  loaded.clear();
  world.fleet.rejects = () => undefined;
  await world.run(20_000);
  await world.restart();
  await world.run(20_000);
  assert.deepEqual([...loaded], [], "the failed digest was tried again");
  world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "6s" }));
  await world.run();
  const again = world.source.statusOf("f");
  assert.equal(again?.history?.[0]?.generation, 2, "the new spec was not judged");
  assert.equal(again?.history?.[0]?.result, "RolledBack");
  assert.equal(world.fleet.running("b")[0]?.digest, first);
});

test("waves go out step by step, hold, and the first wave's proxies are the same each time", async () => {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  await world.start();
  const ids = Array.from({ length: 20 }, (_, i) => `web-${i}`);
  for (const id of ids) world.fleet.connect(id);
  const rollout = { steps: [{ percent: 10, hold: "30s" }, { percent: 50, hold: "30s" }, { percent: 100 }] };
  world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "5s", rollout }));
  await world.run();
  for (let i = 0; i < 3; i++) await world.run(31_000);
  const runs = (digest: string) => ids.filter((id) => world.fleet.running(id)[0]?.digest === digest);
  const second = world.registry.push(IMAGE, "v2");
  await world.run(6_000);
  const wave = runs(second);
  assert.equal(wave.length, 2);
  assert.equal(world.source.statusOf("f")?.rollout?.state, "Holding");
  await world.run(31_000);
  assert.equal(runs(second).length, 10);
  for (const id of wave) assert.ok(runs(second).includes(id));
  await world.run(31_000);
  assert.equal(runs(second).length, 20);
  await world.run();
  const third = world.registry.push(IMAGE, "v3");
  await world.run(6_000);
  assert.deepEqual(runs(third), wave);
});

test("a lost proxy counts as pending, then not at all", async () => {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  await world.start();
  world.fleet.connect("a");
  world.fleet.connect("b");
  world.source.apply("f", specOf(IMAGE));
  await world.run();
  world.fleet.disconnect("b");
  await world.run();
  assert.deepEqual(world.source.statusOf("f")?.proxies, { matched: 2, updated: 1, rejected: 0, pending: 1 });
  await world.run(61_000);
  assert.deepEqual(world.source.statusOf("f")?.proxies, { matched: 1, updated: 1, rejected: 0, pending: 0 });
});

test("a registry that is down is tried again while the last revision serves and the filter stays Ready", async () => {
  const world = createWorld();
  const first = world.registry.push(IMAGE, "v1");
  await world.start();
  world.fleet.connect("a");
  world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "5s" }));
  await world.run();
  world.registry.down = true;
  await world.run(20_000);
  assert.equal(condition(world.source.statusOf("f"), "Resolved"), "Unknown RegistryUnavailable");
  assert.equal(condition(world.source.statusOf("f"), "Ready"), "True Ready");
  assert.equal(world.fleet.running("a")[0]?.digest, first);
  world.registry.down = false;
  const second = world.registry.push(IMAGE, "v2");
  await world.run(70_000);
  assert.equal(world.fleet.running("a")[0]?.digest, second);
});

test("a config Secret that does not exist is named, and its coming is noticed", async () => {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  await world.start();
  world.fleet.connect("a");
  world.source.apply("f", specOf(IMAGE, { configFrom: { secretKeyRef: { name: "conf", key: "k" } } }));
  await world.run();
  assert.equal(condition(world.source.statusOf("f"), "Accepted"), "False SecretNotFound");
  world.source.setSecret("conf", { k: "s3cret" });
  await world.run();
  assert.equal(world.fleet.running("a").length, 1);
  const kept = await world.source.revisions({ namespace: "default", name: "f" }, "uid-0");
  assert.ok(kept.ok && !JSON.stringify(kept.value).includes("s3cret"), "a Secret's text reached the record");
});

test("a stable revision whose module is lost holds the slot instead of leaving the filter out", async () => {
  const world = createWorld();
  const first = world.registry.push(IMAGE, "v1");
  await world.start();
  world.fleet.connect("a");
  world.source.apply("f", specOf(IMAGE));
  await world.run();
  world.registry.down = true;
  world.registry.loseStore();
  await world.restart();
  await world.run();
  assert.equal(world.fleet.running("a")[0]?.digest, first, "the filter was taken off the path");
});

test("a filter that is deleted leaves the chain; one that no longer parses stays as it was", async () => {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  await world.start();
  world.fleet.connect("a");
  world.source.apply("f", specOf(IMAGE));
  world.source.apply("g", specOf(IMAGE));
  await world.run();
  world.source.remove("f");
  world.source.apply("g", { image: IMAGE, digest: "sha256:nonsense" });
  await world.run();
  assert.deepEqual(
    world.fleet.running("a").map(({ filter }) => filter.name),
    ["g"],
  );
  assert.match(condition(world.source.statusOf("g"), "Accepted"), /^False/);
  await world.restart();
  await world.run();
  assert.equal(world.fleet.running("a").length, 1);
});

test("suspend keeps what is served and takes no change", async () => {
  const world = createWorld();
  const first = world.registry.push(IMAGE, "v1");
  await world.start();
  world.fleet.connect("a");
  world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "5s" }));
  await world.run();
  const second = world.registry.push(IMAGE, "v2");
  world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "5s", suspend: true }));
  await world.run(20_000);
  assert.equal(world.fleet.running("a")[0]?.digest, first);
  assert.equal(
    condition(world.source.statusOf("f"), "Ready"),
    "True Ready",
    "the tag is not looked at, and the spec asks for nothing else",
  );
  world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "5s" }));
  await world.run();
  assert.equal(world.fleet.running("a")[0]?.digest, second);
});
