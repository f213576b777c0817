import assert from "node:assert/strict";
import { test } from "node:test";
import { findCondition } from "../model/condition.ts";
import { failForNow } from "../model/result.ts";
import { createWorld, specOf } from "./testing/world.ts";

const IMAGE = "registry.example/filters/add-header:1";
const image = (n: number) => `registry.example/filters/f:${n}`;

test("a content that is tried again is judged by what proxies say now", async () => {
  const world = createWorld();
  for (const n of [1, 2]) world.registry.push(image(n), `v${n}`);
  world.registry.push(IMAGE, "g");
  await world.start();
  for (const id of ["a", "b"]) world.fleet.connect(id);
  world.source.apply("f", specOf(image(1)));
  await world.run();
  const bad = world.registry.push(image(2), "v2");
  world.fleet.rejects = (entry, id) => (entry.digest === bad && id === "b" ? "no" : undefined);
  world.source.apply("f", specOf(image(2)));
  await world.run();
  await world.run();
  assert.equal(world.source.statusOf("f")?.rollout?.state, "RolledBack");
  world.fleet.rejects = () => undefined;
  // another chain, so that the proxy is sent it anew
  world.source.apply("g", specOf(IMAGE));
  await world.run();
  await world.run();
  world.source.apply("f", specOf(image(2), { interval: "7m" }));
  await world.run();
  await world.run();
  assert.equal(world.source.statusOf("f")?.rollout?.state, "Succeeded");
});

test("a content that is asked for again while its revision is deleted stays on the path", async () => {
  const world = createWorld();
  for (const n of [1, 2, 3]) world.registry.push(image(n), `v${n}`);
  await world.start();
  world.fleet.connect("a");
  world.source.apply("f", specOf(image(1), { revisionHistoryLimit: 1 }));
  await world.run();
  world.source.apply("f", specOf(image(2), { revisionHistoryLimit: 1 }));
  await world.run();
  await world.run();
  const original = world.source.deleteRevision;
  const gate = Promise.withResolvers<void>();
  let deleting = false;
  Object.assign(world.source, {
    async deleteRevision(...args: Parameters<typeof original>) {
      deleting = true;
      await gate.promise;
      return original(...args);
    },
  });
  world.source.apply("f", specOf(image(3), { revisionHistoryLimit: 1 }));
  for (let i = 0; i < 10 && !deleting; i++) await world.run();
  assert.ok(deleting);
  const lengths = new Set<number>();
  world.fleet.onAck = (_id, chain) => lengths.add(chain.length);
  world.source.apply("f", specOf(image(1), { revisionHistoryLimit: 1 }));
  await world.run();
  gate.resolve();
  for (let i = 0; i < 5; i++) await world.run();
  assert.equal(world.fleet.running("a").length, 1, "the filter was taken off the path");
  assert.deepEqual([...lengths], [1]);
});

test("a reference that changes does not hide that the spec does not parse", async () => {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  await world.start();
  world.fleet.connect("a");
  world.source.setSecret("conf", { k: "one" });
  world.source.apply("f", specOf(IMAGE, { configFrom: { secretKeyRef: { name: "conf", key: "k" } } }));
  await world.run();
  world.source.apply("f", { image: IMAGE, digest: "sha256:nonsense" });
  await world.run();
  const accepted = () => findCondition(world.source.statusOf("f"), "Accepted")?.status;
  assert.equal(accepted(), "False");
  world.source.setSecret("conf", { k: "two" });
  await world.run();
  assert.equal(accepted(), "False", "the refusal is hidden");
});

test("a fetch of a lost module that hangs does not hold up a new spec", async () => {
  const world = createWorld();
  for (const n of [1, 2]) world.registry.push(image(n), `v${n}`);
  await world.start();
  world.fleet.connect("a");
  world.source.apply("f", specOf(image(1)));
  await world.run();
  const lost = world.fleet.running("a")[0];
  assert.ok(lost);
  const pull = world.registry.pull;
  Object.assign(world.registry, {
    async pull(...[from, digest, options]: Parameters<typeof pull>) {
      if (from === image(2)) return pull(from, digest, options);
      return new Promise((resolve) => options?.signal?.addEventListener("abort", () => resolve(failForNow("Canceled", "canceled"))));
    },
  });
  world.registry.loseStore();
  world.fleet.miss(lost.wasmDigest);
  await world.run();
  world.source.apply("f", specOf(image(2)));
  for (let i = 0; i < 5; i++) await world.run(10_000);
  assert.equal(world.fleet.running("a")[0]?.revision, 2);
});

test("a lost module that another replica has comes from there: no pull secret is read, and no registry is asked", async () => {
  const world = createWorld();
  world.registry.push(image(1), "v1");
  world.source.setSecret("regcred", { ".dockerconfigjson": "{}" });
  await world.start();
  world.fleet.connect("a");
  world.source.apply("f", specOf(image(1), { pullSecrets: [{ name: "regcred" }] }));
  await world.run();
  const lost = world.fleet.running("a")[0];
  assert.ok(lost);
  const { secret } = world.source;
  let reads = 0;
  world.source.secret = (...asked) => {
    reads++;
    return secret(...asked);
  };
  const lose = async () => {
    world.registry.loseStore();
    world.fleet.miss(lost.wasmDigest);
    for (let i = 0; i < 3; i++) await world.run(1_000);
    assert.ok(await world.registry.has(lost.wasmDigest));
    return { reads, pulls: world.registry.pulls };
  };
  world.registry.peers = { read: async () => Buffer.from("v1") };
  assert.deepEqual(await lose(), { reads: 0, pulls: 1 });
  world.registry.peers = { read: async () => undefined };
  assert.deepEqual(await lose(), { reads: 1, pulls: 2 }, "nobody has it: the registry is asked, with the secret");
});

test("a fetch that throws is tried again", async () => {
  const world = createWorld();
  for (const n of [1, 2]) world.registry.push(image(n), `v${n}`);
  await world.start();
  world.fleet.connect("a");
  world.source.apply("f", specOf(image(1)));
  await world.run();
  const lost = world.fleet.running("a")[0];
  assert.ok(lost);
  const pull = world.registry.pull;
  let thrown = 0;
  Object.assign(world.registry, {
    async pull(...args: Parameters<typeof pull>) {
      if (thrown++ === 0) throw new Error("EIO");
      return pull(...args);
    },
  });
  world.registry.loseStore();
  world.fleet.miss(lost.wasmDigest);
  for (let i = 0; i < 5; i++) await world.run(10_000);
  world.fleet.connect("b");
  await world.run();
  assert.equal(world.fleet.running("b").length, 1);
});

test("what is tried again is tried in time though the clock is set back", async () => {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  world.registry.down = true;
  await world.start();
  world.fleet.connect("a");
  world.source.apply("f", specOf(IMAGE));
  await world.run();
  world.clock.jump(-24 * 3_600_000);
  world.registry.down = false;
  for (let i = 0; i < 20; i++) await world.run(30_000);
  assert.equal(world.fleet.running("a").length, 1);
});

test("the store is told what to keep once the revisions of all filters were read back", async () => {
  const world = createWorld();
  for (const n of [1, 2]) world.registry.push(image(n), `v${n}`);
  await world.start();
  world.fleet.connect("a");
  world.source.apply("f", specOf(image(1)));
  world.source.apply("g", specOf(image(2)));
  await world.run();
  const revisions = world.source.revisions;
  const gate = Promise.withResolvers<void>();
  Object.assign(world.source, {
    async revisions(...args: Parameters<typeof revisions>) {
      if (args[0].name === "g") await gate.promise;
      return revisions(...args);
    },
  });
  const told: (number | undefined)[] = [];
  Object.assign(world.registry, { retain: (needed: () => ReadonlySet<string> | undefined) => void told.push(needed()?.size) });
  const done = world.restart();
  await world.run();
  gate.resolve();
  await done;
  await world.run();
  assert.equal(
    told.find((size) => size !== undefined),
    4,
    "told to drop what a filter needs that was not read back yet",
  );
});

test("going back to stable by hand does not wait for the status", async () => {
  const world = createWorld();
  for (const n of [1, 2]) world.registry.push(image(n), `v${n}`);
  await world.start();
  for (let i = 0; i < 4; i++) world.fleet.connect(`p${i}`);
  const more = { rollout: { steps: [{ percent: 50, pause: true }, { percent: 100 }] } };
  world.source.apply("f", specOf(image(1)));
  await world.run();
  await world.run();
  world.source.apply("f", specOf(image(2), more));
  await world.run();
  await world.run();
  const on = (n: number) => [0, 1, 2, 3].filter((i) => world.fleet.running(`p${i}`)[0]?.revision === n).length;
  assert.equal(on(2), 2);
  world.source.down = true;
  world.source.apply("f", specOf(image(1), more));
  for (let i = 0; i < 5; i++) await world.run(1_000);
  assert.equal(on(1), 4);
});

test("a message of megabytes does not keep the status from being written", async () => {
  const world = createWorld();
  await world.start();
  Object.assign(world.registry, { resolve: async () => failForNow("RegistryUnavailable", "n".repeat(5_000_000)) });
  world.source.apply("f", specOf(IMAGE));
  await world.run();
  const resolved = findCondition(world.source.statusOf("f"), "Resolved");
  assert.equal(resolved?.reason, "RegistryUnavailable");
  assert.ok((resolved.message ?? "").length < 10_000, `${resolved.message?.length} characters`);
  assert.ok(resolved.message?.endsWith("tried again with backoff"), "what follows is kept");
});
