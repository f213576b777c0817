import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { test } from "node:test";
import { canonicalJson } from "../base/json.ts";
import { createWorld, positionOf, specOf, type World } from "./testing/world.ts";

const IMAGE = "registry.example/filters/auth:1";
const IDS = ["a", "b", "c", "d"];
const OTHER_KEY = Buffer.alloc(32, "other");
const FROM_SECRET = { configFrom: { secretKeyRef: { name: "conf", key: "k" } } };
const HALVES = { steps: [{ percent: 50, pause: true }, { percent: 100 }] };

const status = (world: World) => world.source.statusOf("f");
const uidOf = (world: World) => world.source.filters().get("default/f")?.metadata.uid ?? "";

async function startWithSecret(): Promise<World> {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  world.source.setSecret("conf", { k: "hunter2" });
  await world.start();
  for (const id of IDS) world.fleet.connect(id);
  world.source.apply("f", specOf(IMAGE, FROM_SECRET));
  await world.run(5_000);
  assert.equal(status(world)?.stableRevision, 1);
  return world;
}

async function revisionsOf(world: World) {
  const kept = await world.source.revisions({ namespace: "default", name: "f" }, uidOf(world));
  return kept.ok ? kept.value : assert.fail(kept.error.message);
}

test("a private key that is lost makes no new revision and serves nothing anew while the Secret was not written since", async () => {
  const world = await startWithSecret();
  const kept = await revisionsOf(world);
  let taken = 0;
  world.fleet.onAck = () => void taken++;
  await world.restart(OTHER_KEY);
  await world.run(20_000);
  assert.deepEqual(await revisionsOf(world), kept);
  assert.equal(status(world)?.revision, 1);
  // Written anew with the same text, while its text is in memory: the contents are compared.
  world.source.setSecret("conf", { k: "hunter2" });
  await world.run(20_000);
  assert.equal(status(world)?.revision, 1);
  assert.equal(taken, 0);
  world.source.setSecret("conf", { k: "hunter3" });
  await world.run(20_000);
  assert.equal(status(world)?.stableRevision, 2);
});

test("where the Secret was written since, nobody can say that its text is the same: the next revision goes out in waves", async () => {
  const world = await startWithSecret();
  world.source.apply("f", specOf(IMAGE, { ...FROM_SECRET, rollout: HALVES }));
  await world.run();
  world.source.setSecret("conf", { k: "hunter2" });
  const restarted = world.restart(OTHER_KEY);
  // Its stable revision cannot be made again, so proxies are answered when the time for the start is over.
  for (let i = 0; i < 20; i++) await world.clock.advance(1_000);
  await restarted;
  await world.run(20_000);
  assert.equal(status(world)?.revision, 2);
  assert.equal(status(world)?.stableRevision, 1);
  const on = (revision: number) => IDS.filter((id) => world.fleet.running(id)[0]?.revision === revision).length;
  assert.deepEqual([on(1), on(2)], [2, 2]);
});

test("hashes of an earlier version are rewritten, tried again while the source cannot, and lead to the same revision", async () => {
  const world = await startWithSecret();
  const [revision = assert.fail()] = await revisionsOf(world);
  const open = revision.hash.split(":")[1];
  const old = { ...revision, hash: `v2:${open}:sha256:${hash("sha256", canonicalJson([open, "hunter2"])).slice(0, 32)}` };
  await world.source.saveRevision({ namespace: "default", name: "f" }, uidOf(world), old);
  world.source.down = true;
  await world.restart();
  await world.run(2_000);
  assert.equal((await revisionsOf(world))[0]?.hash, old.hash);
  world.source.down = false;
  await world.run(20_000);
  assert.equal(status(world)?.revision, 1);
  assert.match((await revisionsOf(world))[0]?.hash ?? "", /^v2:[0-9a-f]{32}:hmac-of-sha256:[0-9a-f]{8}:[0-9a-f]{32}$/);
});

test("a rollout under way keeps its order over a restart: the keyed one, or the one that it began with", async () => {
  for (const order of ["hmac", "fnv"] as const) {
    const world = createWorld();
    world.registry.push(IMAGE, "v1");
    await world.start();
    for (const id of IDS) world.fleet.connect(id);
    world.source.apply("f", specOf(IMAGE));
    await world.run(5_000);
    world.source.apply("f", specOf(IMAGE, { config: "2", rollout: HALVES }));
    await world.run(5_000);
    const ahead = () => IDS.filter((id) => world.fleet.running(id)[0]?.revision === 2);
    const first = IDS.toSorted((a, b) => positionOf("default/f", a) - positionOf("default/f", b))
      .slice(0, 2)
      .sort();
    assert.deepEqual(ahead(), first);
    assert.equal(status(world)?.rollout?.order, "hmac");
    if (order === "fnv") {
      const { order: _, ...rollout } = status(world)?.rollout ?? assert.fail();
      const before = status(world) ?? assert.fail();
      // As an earlier version would have left it: all that it had in the wave stay in it, under its own order.
      const threshold = 2 ** 31;
      await world.source.writeStatus({ namespace: "default", name: "f" }, uidOf(world), { ...before, rollout: { ...rollout, threshold } });
    }
    await world.restart();
    await world.run(5_000);
    assert.equal(status(world)?.rollout?.order, order === "hmac" ? "hmac" : undefined);
    if (order === "hmac") assert.deepEqual(ahead(), first);
    else
      assert.deepEqual(
        ahead(),
        IDS.filter((id) => fnv(id) < 2 ** 31),
      );
  }
});

/** The order that rollouts had before, written down: a change here moves proxies in the middle of a wave. */
function fnv(id: string): number {
  return { a: 1_782_312_215, b: 2_225_137_243, c: 2_814_718_946, d: 4_161_777_672 }[id] ?? 0;
}
