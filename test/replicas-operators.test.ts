import assert from "node:assert/strict";
import { test } from "node:test";
import { failForNow } from "../model/result.ts";
import { specOf } from "../operator/testing/world.ts";
import { createOperators, type Operators } from "./support/replicas/operators.ts";

const image = (tag: string) => `registry.example/filters/f:${tag}`;
const FROM_SECRET = { configFrom: { secretKeyRef: { name: "conf", key: "k" } } };

/** Three replicas, the first of which decides, each with one proxy, and the filter on all of them. */
async function startScene(more: Parameters<typeof specOf>[1] = {}): Promise<Operators> {
  const scene = createOperators(3);
  for (const { registry } of scene.replicas) for (const tag of ["1", "2", "3"]) registry.push(image(tag), `module ${tag}`);
  scene.source.setSecret("conf", { k: "one" });
  await scene.start();
  scene.lead(0);
  for (const [index, { fleet }] of scene.replicas.entries()) fleet.connect(`web-${index}`);
  await scene.run(1_000);
  scene.source.apply("f", specOf(image("1"), more));
  await scene.run(12_000);
  assert.deepEqual(scene.status()?.proxies, { matched: 3, updated: 3, rejected: 0, pending: 0 });
  return scene;
}

/** The revision that the proxy runs where it is. */
const runs = (scene: Operators, index: number, proxy = `web-${index}`) => scene.replica(index).fleet.running(proxy)[0]?.revision;

test("only who decides asks the registry; a new replica with an empty store serves what is recorded while the registry is gone", async (t) => {
  const scene = await startScene();
  t.after(scene.stop);
  assert.deepEqual(
    scene.replicas.map(({ registry }) => registry.pulls),
    [1, 0, 0],
  );
  await scene.replace(2);
  scene.replica(2).fleet.connect("web-2");
  await scene.run(2_000);
  assert.equal(runs(scene, 2), 1);
});

test("a text that is gone from its Secret comes from a replica that has it; one that nobody has holds the slot", async (t) => {
  const scene = await startScene(FROM_SECRET);
  t.after(scene.stop);
  scene.source.apply("f", specOf(image("1"), { ...FROM_SECRET, rollout: { steps: [{ percent: 50, pause: true }, { percent: 100 }] } }));
  scene.source.setSecret("conf", { k: "two" });
  await scene.run(12_000);
  assert.deepEqual([scene.status()?.stableRevision, scene.status()?.revision], [1, 2]);
  await scene.replace(2);
  for (const id of ["a", "b", "c", "d"]) scene.replica(2).fleet.connect(id);
  await scene.run(3_000);
  const all = ["a", "b", "c", "d"].map((id) => runs(scene, 2, id));
  assert.deepEqual(new Set(all), new Set([1, 2]));
  for (const { id } of scene.replicas) scene.calls.cut(id);
  await scene.replace(2);
  for (const id of ["a", "b", "c", "d"]) scene.replica(2).fleet.connect(id);
  await scene.run(20_000);
  assert.deepEqual(new Set(["a", "b", "c", "d"].map((id) => runs(scene, 2, id))), new Set([undefined]));
});

test("a proxy that moves is one proxy, and is not offered again what it rejected", async (t) => {
  const scene = await startScene();
  t.after(scene.stop);
  const offers: string[] = [];
  for (const { id, fleet } of scene.replicas)
    fleet.rejects = ({ revision }, proxy) => {
      if (revision !== 2 || proxy !== "web-1") return undefined;
      offers.push(id);
      return "no";
    };
  const keep = { autoRollback: false, steps: [{ percent: 100 }] };
  const told = scene.replicas.map(({ operator }) => {
    const reasons: string[] = [];
    operator.onEvent((record, { reason }) => void reasons.push(`${record.id} ${reason}`));
    return reasons;
  });
  scene.source.apply("f", specOf(image("2"), { rollout: keep }));
  await scene.run(2_000);
  assert.ok(told[0]?.includes("default/f Validated"));
  assert.deepEqual([told[1], told[2]], [told[0], told[0]]);
  const rejected = { matched: 3, updated: 2, rejected: 1, pending: 0 };
  assert.deepEqual([scene.status()?.proxies, new Set(offers)], [rejected, new Set(["r1"])]);
  // To a follower, then to who decides. The one that it left does not know yet.
  for (const [from, to] of [
    [1, 2],
    [2, 0],
  ] as const) {
    scene.replica(from).fleet.move("web-1", scene.replica(to).fleet);
    await scene.run(1_000);
    assert.deepEqual(scene.status()?.proxies, rejected);
    scene.replica(from).fleet.disconnect("web-1");
    await scene.run(1_000);
    assert.deepEqual([scene.status()?.proxies, new Set(offers)], [rejected, new Set(["r1"])]);
    assert.equal(runs(scene, to, "web-1"), 1);
    for (const { peers } of scene.replicas) assert.equal([...peers.fleet.proxies()].length, 3);
  }
});

for (const other of [false, true]) {
  test(`no rollout waits for a proxy that is kept from what it rejected in an earlier one${other ? ", also where another decides by then" : ""}`, async (t) => {
    const scene = await startScene();
    t.after(scene.stop);
    scene.replica(1).fleet.rejects = ({ revision }) => (revision === 2 ? "no" : undefined);
    for (const [tag, rejected] of [
      ["2", 1],
      ["1", 0],
      ["2", 1],
    ] as const) {
      scene.source.apply("f", specOf(image(tag)));
      await scene.run(12_000);
      assert.deepEqual(scene.status()?.proxies, { matched: 3, updated: 3 - rejected, rejected, pending: 0 }, `revision ${tag}`);
      if (other && tag === "1") scene.lead(2);
    }
  });
}

test("nor for one that is kept from what it rejected of a filter that was there before under the same name", async (t) => {
  const scene = await startScene();
  t.after(scene.stop);
  scene.replica(1).fleet.rejects = ({ filter }) => (filter.name === "g" ? "no" : undefined);
  for (let i = 0; i < 2; i++) {
    scene.source.apply("g", specOf(image("2")));
    await scene.run(12_000);
    assert.deepEqual(scene.source.statusOf("g")?.proxies, { matched: 3, updated: 0, rejected: 1, pending: 2 }, `time ${i}`);
    scene.source.remove("g");
    await scene.run(1_000);
  }
});

const health = (scene: Operators, requests: number, errors5xx: number) => ({
  ...{ at: scene.clock.now(), requests, errors5xx, latencySumMs: requests, latencyCount: requests, vmFailures: new Map() },
});

const faults: readonly [what: string, reason: string, cause: (scene: Operators) => Promise<void>][] = [
  ["a hang", "ProxyHung", async (scene) => scene.replica(2).fleet.hang("web-2", true)],
  ["the end of an Envoy", "ProxyEnded", async (scene) => scene.replica(2).fleet.end("web-2")],
  [
    "errors of its own proxies",
    "ErrorsRose",
    async (scene) => {
      for (let i = 1; i <= 5; i++) {
        scene.replica(2).fleet.report("web-2", health(scene, 1_000 + i * 100, i * 50));
        await scene.run(1_000);
      }
    },
  ],
];

for (const [what, reason, cause] of faults) {
  test(`without leader and API server, ${what} at one replica takes a target back everywhere, until it is recorded`, async (t) => {
    const scene = await startScene();
    t.after(scene.stop);
    for (const { fleet } of scene.replicas)
      fleet.report(`web-${scene.replicas.findIndex((each) => each.fleet === fleet)}`, health(scene, 1_000, 0));
    scene.source.apply("f", specOf(image("2"), { rollout: { steps: [{ percent: 100, pause: true }] } }));
    await scene.run(5_000);
    assert.deepEqual(
      [0, 1, 2].map((index) => runs(scene, index)),
      [2, 2, 2],
    );
    scene.lead();
    scene.source.down = true;
    await scene.run(7_000);
    await cause(scene);
    await scene.run(3_000);
    assert.deepEqual(
      [0, 1, 2].map((index) => runs(scene, index)),
      [1, 1, 1],
    );
    // One that starts now is told by its peers.
    scene.source.down = false;
    await scene.replace(1);
    scene.replica(1).fleet.connect("web-1");
    await scene.run(2_000);
    assert.equal(runs(scene, 1), 1);
    scene.lead(1);
    await scene.run(12_000);
    const { history = [], digest } = scene.status() ?? {};
    assert.deepEqual(
      [history.find(({ revision }) => revision === 2)?.result, digest],
      ["RolledBack", history.find(({ revision }) => revision === 1)?.digest],
    );
    assert.match(history.find(({ revision }) => revision === 2)?.message ?? "", new RegExp(reason));
  });
}

test("what was taken back for a fault goes on everywhere once the policy takes nothing back", async (t) => {
  const scene = await startScene();
  t.after(scene.stop);
  const all = () => [0, 1, 2].map((index) => runs(scene, index));
  const steps = [{ percent: 100, pause: true }];
  scene.source.apply("f", specOf(image("2"), { rollout: { steps } }));
  await scene.run(5_000);
  scene.lead();
  await scene.run(7_000);
  scene.replica(2).fleet.hang("web-2", true);
  await scene.run(3_000);
  assert.deepEqual(all(), [1, 1, 1]);
  scene.replica(2).fleet.hang("web-2", false);
  scene.source.apply("f", specOf(image("2"), { rollout: { steps, autoRollback: false } }));
  await scene.run(1_000);
  scene.lead(0);
  await scene.run(12_000);
  assert.deepEqual([all(), scene.status()?.rollout?.state], [[2, 2, 2], "Paused"]);
  scene.source.apply("f", specOf(image("2"), { rollout: { steps } }));
  await scene.run(5_000);
  assert.deepEqual([all(), scene.status()?.rollout?.state], [[2, 2, 2], "Paused"], "what was found before is past");
});

test("who begins to decide reads what another recorded just before: a revision that was taken back does not go out again", async (t) => {
  const scene = await startScene();
  t.after(scene.stop);
  const offers: number[] = [];
  for (const { fleet } of scene.replicas)
    fleet.rejects = ({ revision }) => (revision === 2 && offers.push(scene.clock.now()) > 0 ? "no" : undefined);
  const { revisions } = scene.source;
  scene.source.revisions = async () => failForNow("Down", "the source is down");
  scene.source.apply("f", specOf(image("2")));
  await scene.run(3_000);
  assert.equal(scene.status()?.history?.find(({ revision }) => revision === 2)?.result, "RolledBack");
  const before = offers.length;
  scene.lead(1);
  await scene.run(1_000);
  scene.source.revisions = revisions;
  await scene.run(20_000);
  assert.deepEqual([offers.length, scene.status()?.rollout?.state, scene.status()?.stableRevision], [before, "RolledBack", 1]);
});

test("who begins to decide tells what proxies of others must wait for, as far as it knows it", async (t) => {
  const scene = await startScene();
  t.after(scene.stop);
  scene.replica(1).fleet.rejects = ({ revision }) => (revision === 2 ? "no" : undefined);
  scene.source.apply("f", specOf(image("2"), { rollout: { autoRollback: false, steps: [{ percent: 100 }] } }));
  await scene.run(3_000);
  const withheld = () => scene.replica(1).peers.withheld("default/web-1")?.size;
  assert.equal(withheld(), 1);
  scene.lead(2);
  await scene.run(1_500);
  assert.equal(withheld(), 1);
});

for (const { heals, whose } of [
  { heals: (scene: Operators) => scene.calls.mend("r0"), whose: "it is heard again" },
  { heals: (scene: Operators) => scene.lead(1), whose: "another decides" },
])
  test(`proxies that waited for who decides, since it was not heard, go on as soon as ${whose}`, async (t) => {
    const scene = await startScene();
    t.after(scene.stop);
    scene.calls.cut("r0");
    await scene.run(6_000);
    scene.source.apply("f", specOf(image("2"), { rollout: { steps: [{ percent: 100 }] } }));
    await scene.run(12_000);
    const all = () => [runs(scene, 0), runs(scene, 1), runs(scene, 2)];
    assert.deepEqual(all(), [2, 1, 1]);
    heals(scene);
    await scene.run(2_000);
    assert.deepEqual(all(), [2, 2, 2]);
  });

test("a deletion of a surplus revision that arrives late, from a leader of before, takes nothing that is in use", async (t) => {
  const scene = await startScene({ revisionHistoryLimit: 1 });
  t.after(scene.stop);
  const late = Promise.withResolvers<void>();
  const { deleteRevision } = scene.source;
  const deleted: number[] = [];
  scene.source.deleteRevision = async (key, uid, number) => {
    await late.promise;
    deleted.push(number);
    return deleteRevision(key, uid, number);
  };
  for (const tag of ["2", "3"]) {
    scene.source.apply("f", specOf(image(tag), { revisionHistoryLimit: 1 }));
    await scene.run(12_000);
  }
  assert.deepEqual(deleted, []);
  scene.lead(1);
  await scene.run(12_000);
  scene.source.apply("f", specOf(image("1"), { revisionHistoryLimit: 5 }));
  await scene.run(12_000);
  late.resolve();
  await scene.run(2_000);
  assert.deepEqual(deleted, [1]);
  const { stableRevision, digest, history } = scene.status() ?? {};
  const uid = scene.source.filters().get("default/f")?.metadata.uid ?? "";
  const kept = await scene.source.revisions({ namespace: "default", name: "f" }, uid);
  const stored = kept.ok ? kept.value.find(({ number }) => number === stableRevision) : undefined;
  assert.deepEqual([stableRevision, stored?.digest, history?.[0]?.result], [4, digest, "Succeeded"]);
  await scene.replace(2);
  scene.replica(2).fleet.connect("web-2");
  await scene.run(3_000);
  assert.equal(runs(scene, 2), 4);
});

test("a frozen proxy stays one when it moves, until it reports where it is now", async (t) => {
  const scene = await startScene();
  t.after(scene.stop);
  const isFrozen = () => scene.replicas.map(({ peers }) => peers.fleet.proxy("default/web-1")?.hungSince !== undefined);
  scene.replica(1).fleet.hang("web-1", true);
  await scene.run(1_000);
  assert.deepEqual(isFrozen(), [true, true, true]);
  assert.deepEqual(scene.status()?.proxies, { matched: 3, updated: 2, rejected: 0, pending: 1 });
  scene.replica(1).fleet.move("web-1", scene.replica(2).fleet);
  scene.replica(1).fleet.disconnect("web-1");
  await scene.run(1_000);
  // Who decides, and who has it now.
  assert.deepEqual([isFrozen()[0], isFrozen()[2]], [true, true]);
  assert.deepEqual(scene.status()?.proxies, { matched: 3, updated: 2, rejected: 0, pending: 1 });
  scene.replica(2).fleet.report("web-1", health(scene, 10, 0));
  scene.replica(2).fleet.connect("web-1");
  await scene.run(2_000);
  scene.replica(2).fleet.connect("web-1");
  await scene.run(2_000);
  assert.deepEqual(isFrozen(), [false, false, false]);
  assert.deepEqual(scene.status()?.proxies, { matched: 3, updated: 3, rejected: 0, pending: 0 });
});
