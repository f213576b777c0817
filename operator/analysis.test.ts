import assert from "node:assert/strict";
import { test } from "node:test";
import { type ConditionType, findCondition } from "../model/condition.ts";
import type { WasmFilterSpec } from "../model/gen/wasmfilter.ts";
import { live, type Second } from "./testing/live.ts";
import { createWorld, specOf, type World } from "./testing/world.ts";

const IMAGE = "registry.example/filters/add-header:1";
const IDS = Array.from({ length: 8 }, (_, i) => `web-${i}`);
const ROLLOUT = { steps: [{ percent: 25, hold: "30s" }, { percent: 100 }] };

async function underWay(more: Partial<WasmFilterSpec> = {}): Promise<{ world: World; first: string; second: string; wave: string[] }> {
  const world = createWorld();
  const first = world.registry.push(IMAGE, "v1");
  await world.start();
  world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "5s", rollout: ROLLOUT, ...more }));
  await world.run(31_000);
  for (const id of IDS) world.fleet.connect(id);
  await live(world, 10);
  const second = world.registry.push(IMAGE, "v2");
  await live(world, 6);
  const wave = IDS.filter((id) => world.fleet.running(id)[0]?.digest === second);
  assert.equal(wave.length, 2);
  return { world, first, second, wave };
}

const message = (world: World) => world.source.statusOf("f")?.rollout?.message ?? "";
const conditionOf = (world: World, type: ConditionType) => findCondition(world.source.statusOf("f"), type);
const state = (world: World) => world.source.statusOf("f")?.rollout?.state;

test("a wave that fares like stable passes", async () => {
  const { world } = await underWay();
  await live(world, 40, (id) => ({ errors: id === "web-1" ? 1 : 0, ms: 10 + id.length }));
  assert.equal(state(world), "Succeeded");
});

const faults: readonly [name: string, second: Second, reason: RegExp][] = [
  ["requests that get a 5xx", { errors: 5 }, /^ErrorsRose: 25\.0% of \d+ requests got a 5xx, against 0\.0% on stable$/],
  ["requests that take longer", { ms: 80 }, /^LatencyRose: requests take 80\.0 ms on average, against 10\.0 ms on stable$/],
  ["a VM that fails", { vmFailures: 1 }, /^VmFailed: its VM failed \d+ times, most on proxy web-\d$/],
];
for (const [name, second, reason] of faults) {
  test(`${name} on the wave's proxies take the revision back within seconds`, async () => {
    const { world, first, wave } = await underWay();
    await live(world, 6, (id) => (wave.includes(id) ? second : {}));
    assert.equal(state(world), "RolledBack");
    assert.match(message(world), reason);
    await world.run();
    for (const id of IDS) assert.equal(world.fleet.running(id)[0]?.digest, first);
  });
}

test("what every proxy suffers is not the target's fault", async () => {
  const { world } = await underWay();
  await live(world, 40, () => ({ errors: 10, ms: 500 }));
  assert.equal(state(world), "Succeeded", message(world));
});

test("what happened before a proxy took the target is not the target's fault", async () => {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  await world.start();
  world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "5s", rollout: ROLLOUT }));
  await world.run(31_000);
  for (const id of IDS) world.fleet.connect(id);
  // Some proxies had a bad time, and say so in the very second in which the target reaches them.
  await live(world, 4, (id) => ({ errors: Number(id.at(-1)) % 2 === 0 ? 20 : 0, vmFailures: Number(id.at(-1)) % 2 }));
  world.registry.push(IMAGE, "v2");
  await live(world, 2, (id) => ({ errors: Number(id.at(-1)) % 2 === 0 ? 20 : 0, vmFailures: Number(id.at(-1)) % 2 }));
  await live(world, 40);
  assert.equal(state(world), "Succeeded");
});

test("a wave is not judged by errors before it served enough requests", async () => {
  const { world, wave } = await underWay({ rollout: { ...ROLLOUT, analysis: { minRequests: 1_000 } } });
  await live(world, 10, (id) => (wave.includes(id) ? { errors: 20 } : {}));
  assert.equal(state(world), "Holding");
  await live(world, 19, (id) => (wave.includes(id) ? { errors: 20 } : {}));
  assert.equal(state(world), "RolledBack");
});

test("a hold does not end before the reports that cover it are in, and does not wait for them for ever", async () => {
  const { world, second } = await underWay();
  await live(world, 22);
  const on = () => IDS.filter((id) => world.fleet.running(id)[0]?.digest === second).length;
  await world.run(6_000);
  assert.equal(on(), 2, "the wave passed on old reports");
  await world.run(15_000);
  await world.run();
  assert.equal(on(), 8);
});

test("proxies that vanish after they took the target take it back, those that come back with it do not", async () => {
  for (const stays of [true, false]) {
    const { world, first, wave } = await underWay();
    const [lost = ""] = wave;
    world.fleet.disconnect(lost);
    await live(world, 3);
    assert.equal(state(world), "Holding");
    if (stays) {
      world.fleet.connect(lost);
      await live(world, 40);
      assert.equal(state(world), "Succeeded");
      continue;
    }
    await live(world, 4);
    assert.equal(state(world), "RolledBack");
    assert.match(message(world), /^ProxyVanished: 1 of 2 proxies/);
    world.fleet.renew(lost);
    await world.run();
    assert.equal(world.fleet.running(lost)[0]?.digest, first);
  }
});

test("proxies that go out of sight with their replica are waited for, and the target is not to blame", async () => {
  for (const isBack of [true, false]) {
    const { world, second, wave } = await underWay();
    const on = () => IDS.filter((id) => world.fleet.running(id)[0]?.digest === second).length;
    for (const id of wave) world.fleet.disconnect(id, true);
    await live(world, 50);
    assert.equal(state(world), "Holding", message(world));
    assert.equal(on(), 2);
    // They are forgotten after a minute.
    if (isBack) for (const id of wave) world.fleet.connect(id);
    await live(world, 60);
    assert.equal(state(world), "Succeeded", message(world));
  }
});

test("a proxy that starts anew again and again when it is given the target takes it back, though it is never gone for long", async () => {
  const { world, wave } = await underWay();
  const [unlucky = ""] = wave;
  world.fleet.deaf(unlucky, true);
  world.fleet.renew(unlucky);
  await live(world, 2);
  assert.equal(state(world), "Holding", "one restart may be anything");
  world.fleet.deaf(unlucky, false);
  await live(world, 2);
  world.fleet.deaf(unlucky, true);
  world.fleet.renew(unlucky);
  await live(world, 2);
  assert.equal(state(world), "RolledBack");
  assert.match(message(world), /^ProxyVanished: 1 of 2 proxies vanished or restarted/);
});

test("proxies that come and go everywhere are no fault", async () => {
  const { world, wave } = await underWay();
  const gone = [wave[0] ?? "", ...IDS.filter((id) => !wave.includes(id)).slice(0, 3)];
  for (const id of gone) world.fleet.disconnect(id);
  await live(world, 60);
  assert.equal(state(world), "Succeeded");
});

test("suspend freezes the waves, not the watch", async () => {
  const { world, wave } = await underWay();
  world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "5s", rollout: ROLLOUT, suspend: true }));
  await live(world, 60);
  assert.equal(state(world), "Paused");
  await live(world, 6, (id) => (wave.includes(id) ? { vmFailures: 1 } : {}));
  assert.equal(state(world), "RolledBack");
});

test("without autoRollback a fault is left to people", async () => {
  const { world, second } = await underWay({ rollout: { ...ROLLOUT, autoRollback: false } });
  await live(world, 10, () => ({ vmFailures: 1 }));
  assert.equal(IDS.filter((id) => world.fleet.running(id)[0]?.digest === second).length, 2);
});

test("of two rollouts that share their proxies the innocent one goes on, told apart by the proxies that have one only", async () => {
  const world = createWorld();
  const image = { f: "registry.example/f:1", g: "registry.example/g:1" };
  await world.start();
  for (const name of ["f", "g"] as const) {
    world.registry.push(image[name], `${name} v1`);
    world.source.apply(
      name,
      specOf(image[name], { pullPolicy: "Always", interval: "5s", rollout: { steps: [{ percent: 50, hold: "30s" }, { percent: 100 }] } }),
    );
  }
  // No proxy answered, so the first rollout begins when they had their time to come.
  await world.run(10_000);
  await world.run(31_000);
  for (const id of Array.from({ length: 16 }, (_, i) => `web-${i}`)) world.fleet.connect(id);
  await live(world, 6);
  const bad = world.registry.push(image.f, "f v2");
  world.registry.push(image.g, "g v2");
  const suffers = (id: string) => world.fleet.running(id).some(({ digest }) => digest === bad);
  await live(world, 12, (id) => (suffers(id) ? { errors: 10 } : {}));
  assert.equal(world.source.statusOf("f")?.rollout?.state, "RolledBack");
  await live(world, 40);
  assert.equal(world.source.statusOf("g")?.rollout?.state, "Succeeded", world.source.statusOf("g")?.rollout?.message);
});

test("a proxy that hangs with the revision takes it back, and the filter is not ready until it is back", async () => {
  const { world, first, wave } = await underWay();
  const [victim = ""] = wave;
  world.fleet.hang(victim, true);
  await live(world, 2);
  assert.equal(state(world), "RolledBack");
  assert.match(message(world), new RegExp(`^ProxyHung: a worker thread does not return on 1 of 2 proxies that had it: ${victim};`));
  assert.equal(world.fleet.running(victim)[0]?.digest, first);
  assert.deepEqual(world.source.statusOf("f")?.proxies, { matched: 8, updated: 7, rejected: 0, pending: 1 });
  assert.equal(conditionOf(world, "Programmed")?.reason, "ProxyHung");
  world.fleet.renew(victim);
  await live(world, 2);
  assert.deepEqual(world.source.statusOf("f")?.proxies, { matched: 8, updated: 8, rejected: 0, pending: 0 });
  assert.equal(conditionOf(world, "Programmed")?.status, "True");
});

test("a proxy that hung and came back as a new process at once takes the revision back", async () => {
  const { world, wave } = await underWay();
  const [victim = ""] = wave;
  world.fleet.hang(victim, true);
  world.fleet.disconnect(victim);
  await live(world, 1);
  world.fleet.renew(victim);
  await live(world, 1);
  assert.match(message(world), /^ProxyHung: /);
});

test("a proxy that hung before it was given the revision does not speak against it, and it never counts as updated", async () => {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  await world.start();
  world.source.apply(
    "f",
    specOf(IMAGE, { pullPolicy: "Always", interval: "5s", rollout: { steps: [{ percent: 100 }], progressDeadline: "20s" } }),
  );
  for (const id of IDS) world.fleet.connect(id);
  await live(world, 10);
  assert.equal(conditionOf(world, "Ready")?.status, "True");
  world.fleet.hang("web-3", true);
  await live(world, 1);
  assert.equal(conditionOf(world, "Ready")?.reason, "ProxyHung");
  const hung = world.source.events.filter(({ event }) => event.reason === "ProxyHung");
  assert.equal(hung.length, 1);
  assert.match(hung[0]?.event.message ?? "", /^1 of 8 proxies hang, .*web-3/);
  world.registry.push(IMAGE, "v2");
  await live(world, 15);
  assert.equal(state(world), "Progressing");
  assert.equal(world.source.statusOf("f")?.proxies?.updated, 7);
  await live(world, 20);
  assert.match(message(world), /^ProgressDeadlineExceeded: /);
  assert.equal(conditionOf(world, "Ready")?.status, "False");
});

test("a wave does not go on before each of its proxies that says that it reports did so since it took the revision", async () => {
  const { world, second, wave } = await underWay();
  const [mute = ""] = wave;
  const on = () => IDS.filter((id) => world.fleet.running(id)[0]?.digest === second).length;
  world.fleet.announce(mute, 1_000);
  // Its process is new: it took the revision, and hangs before its first report.
  world.fleet.renew(mute);
  await live(world, 60, (id) => ({ mute: id === mute }));
  assert.equal(state(world), "Holding");
  assert.equal(on(), 2);
  await live(world, 5);
  assert.equal(state(world), "Succeeded");
});

test("a proxy that ended while its reports were overdue and came back at once takes the revision back", async () => {
  const { world, wave } = await underWay();
  const [victim = ""] = wave;
  world.fleet.deaf(victim, true);
  world.fleet.end(victim);
  await live(world, 1);
  assert.equal(state(world), "RolledBack");
  assert.match(message(world), new RegExp(`^ProxyEnded: the Envoy of 1 of 2 proxies .*${victim}`));
});

test("as many that end or hang on stable are no fault of the revision", async () => {
  const { world, wave } = await underWay();
  for (const id of [wave[0] ?? "", ...IDS.filter((id) => !wave.includes(id)).slice(0, 3)]) world.fleet.end(id);
  await live(world, 5);
  assert.equal(state(world), "Holding");
  for (const id of [wave[0] ?? "", ...IDS.filter((id) => !wave.includes(id)).slice(0, 3)]) world.fleet.hang(id, true);
  await live(world, 5);
  assert.equal(state(world), "Holding");
});
