import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ConditionType, findCondition } from "../model/condition.ts";
import { failForNow } from "../model/result.ts";
import { unreadStatus } from "./status/unread.ts";
import { kstatus } from "./testing/kstatus.ts";
import { createWorld, specOf, type World } from "./testing/world.ts";

const IMAGE = "registry.example/filters/add-header:1";
const NEXT = "registry.example/filters/add-header:2";
const STEPS = {
  rollout: {
    steps: [
      { percent: 50, hold: "20s" },
      { percent: 100, hold: "0s" },
    ],
  },
};

/** Ready, and which of the two conditions beside it is there; and what kstatus makes of that, the first version of it and the present one. */
function standing(world: World, name = "f"): string {
  const filter = world.operator.filters().find(({ metadata }) => metadata.name === name);
  assert.ok(filter !== undefined);
  const found = (type: ConditionType) => findCondition(world.source.statusOf(name), type);
  const beside = (["Reconciling", "Stalled"] as const).filter((type) => found(type) !== undefined);
  for (const type of beside) {
    assert.equal(found(type)?.status, "True");
    const told = found("Ready")?.status === "True" ? found("Progressing") : found("Ready");
    assert.deepEqual([found(type)?.reason, found(type)?.message], [told?.reason, told?.message]);
  }
  const written = { ...filter, status: world.source.statusOf(name) ?? {} };
  assert.equal(kstatus(written, true), kstatus(written, false));
  return [kstatus(written), found("Ready")?.status, ...beside, found("Ready")?.reason].join(" ");
}

async function startedWorld(): Promise<World> {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  world.registry.push(NEXT, "v2");
  await world.start();
  await world.clock.advance(10_000);
  for (const id of ["a", "b"]) world.fleet.connect(id);
  return world;
}

describe("what tools read that know nothing of Weir", () => {
  test("a filter in force is current, and neither goes on nor is stuck", async () => {
    const world = await startedWorld();
    world.source.apply("f", specOf(IMAGE));
    await world.run(1_000);
    assert.equal(standing(world), "Current True Ready");
  });

  test("a rollout under way is in progress, and one that was taken back has failed", async () => {
    const world = await startedWorld();
    world.source.apply("f", specOf(IMAGE));
    await world.run(1_000);
    world.source.apply("f", specOf(NEXT, STEPS));
    await world.run(1_000);
    assert.equal(standing(world), "InProgress False Reconciling WaveHolding");
    world.fleet.rejects = () => "cannot be loaded";
    world.source.apply("f", specOf(NEXT, { ...STEPS, config: "x" }));
    await world.run(1_000);
    assert.equal(standing(world), "Failed False Stalled RolledBack");
  });

  test("what only another spec or module can mend has failed at once", async () => {
    const world = await startedWorld();
    world.registry.push("registry.example/junk:1", "junk");
    world.source.apply("f", { image: IMAGE, digest: "nonsense" });
    world.source.apply("g", specOf("registry.example/junk:1"));
    await world.run(1_000);
    assert.equal(standing(world, "f"), "Failed False Stalled InvalidSpec");
    assert.equal(standing(world, "g"), "Failed False Stalled NotWasm");
  });

  for (const down of [false, true]) {
    const reason = down ? "RegistryUnreachable" : "ImageNotFound";
    test(`what may come by itself is in progress for a minute, then it has failed, until it comes: ${reason}`, async () => {
      const world = await startedWorld();
      world.registry.down = down;
      world.source.apply("f", specOf("registry.example/late:1"));
      await world.run(1_000);
      assert.match(standing(world), /^InProgress False Reconciling \w+$/);
      await world.clock.advance(58_000);
      await world.run(300);
      assert.match(standing(world), /^InProgress False Reconciling \w+$/);
      await world.clock.advance(1_500);
      await world.run(300);
      assert.match(standing(world), /^Failed False Stalled \w+$/);
      world.registry.down = false;
      world.registry.push("registry.example/late:1", "v1");
      await world.clock.advance(90_000);
      await world.run(1_000);
      assert.equal(standing(world), "Current True Ready");
    });
  }

  test("a registry that goes away takes a filter in force neither way", async () => {
    const world = await startedWorld();
    world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "5s" }));
    await world.run(1_000);
    world.registry.down = true;
    await world.clock.advance(120_000);
    await world.run(1_000);
    assert.equal(standing(world), "Current True Ready");
  });

  test("a person's pause is in progress: nothing is wrong, and it is not done", async () => {
    const world = await startedWorld();
    world.source.apply("f", specOf(IMAGE));
    await world.run(1_000);
    world.source.apply("f", specOf(NEXT, { rollout: { steps: [{ percent: 50, pause: true }, { percent: 100 }] } }));
    await world.run(1_000);
    assert.equal(standing(world), "InProgress False Reconciling Paused");
  });
});

describe("a suspended filter", () => {
  const SUSPEND = { suspend: true };

  test("that serves exactly its spec is ready: at once, after a restart, and with a registry that is away", async () => {
    const world = await startedWorld();
    world.source.apply("f", specOf(IMAGE, { config: { a: 1 } }));
    await world.run(1_000);
    world.registry.down = true;
    world.source.apply("f", specOf(IMAGE, { config: { a: 1 }, ...SUSPEND }));
    await world.run(1_000);
    assert.equal(standing(world), "Current True Ready");
    await world.restart();
    await world.run(11_000);
    assert.equal(standing(world), "Current True Ready");
    assert.match(findCondition(world.source.statusOf("f"), "Ready")?.message ?? "", /changes wait/);
  });

  test("whose spec asks for something else is not, and is again with the old spec: nothing moved meanwhile", async () => {
    const world = await startedWorld();
    world.source.apply("f", specOf(IMAGE));
    await world.run(1_000);
    for (const spec of [specOf(NEXT, SUSPEND), specOf(IMAGE, { config: "x", ...SUSPEND })]) {
      world.source.apply("f", spec);
      await world.run(1_000);
      assert.equal(standing(world), "InProgress False Reconciling Suspended");
      assert.deepEqual([world.fleet.running("a")[0]?.revision, world.source.statusOf("f")?.revision], [1, 1]);
      world.source.apply("f", specOf(IMAGE, SUSPEND));
      await world.run(1_000);
      assert.equal(standing(world), "Current True Ready");
    }
    world.source.apply("f", specOf(NEXT));
    await world.run(1_000);
    assert.equal(world.fleet.running("a")[0]?.revision, 2);
  });

  test("that is watched goes on being watched, and may go back: it is ready and in progress, as one is that is paused by hand", async () => {
    const watched = ({ rollout: _, ...spec }: ReturnType<typeof specOf>) => spec;
    for (const [more, annotations, said] of [
      [SUSPEND, {}, /; spec\.suspend is true: the watch goes on until that is taken away$/],
      [{}, { annotations: { "weir.dev/rollout-paused": "true" } }, /; paused by hand: the watch goes on until `weir rollout resume`$/],
    ] as const) {
      const world = await startedWorld();
      world.source.apply("f", specOf(IMAGE));
      await world.run(1_000);
      world.source.apply("f", watched(specOf(NEXT)));
      await world.run(1_000);
      world.source.apply("f", watched(specOf(NEXT, more)), annotations);
      await world.run(1_000);
      const progress = findCondition(world.source.statusOf("f"), "Progressing");
      assert.deepEqual([progress?.status, progress?.reason], ["True", "Watching"]);
      assert.match(progress?.message ?? "", said);
      assert.equal(standing(world), "InProgress True Reconciling Ready");
      world.fleet.hang("a", true);
      await world.run(3_000);
      assert.equal(world.source.statusOf("f")?.rollout?.state, "RolledBack");
    }
  });

  test("follows what a Secret holds only in what it says of itself", async () => {
    const world = await startedWorld();
    const configFrom = { secretKeyRef: { name: "s", key: "k" } };
    world.source.setSecret("s", { k: "one" });
    world.source.apply("f", specOf(IMAGE, { configFrom }));
    await world.run(1_000);
    world.source.apply("f", specOf(IMAGE, { configFrom, ...SUSPEND }));
    await world.run(1_000);
    assert.equal(standing(world), "Current True Ready");
    world.source.setSecret("s", { k: "two" });
    await world.run(1_000);
    assert.equal(standing(world), "InProgress False Reconciling Suspended");
    world.source.setSecret("s", { k: "one" });
    await world.run(1_000);
    assert.equal(standing(world), "Current True Ready");
    assert.deepEqual([world.fleet.running("a")[0]?.revision, world.source.statusOf("f")?.history?.length], [1, 1]);
  });

  test("that was taken back is ready with the spec that is served, and one that never served anything waits", async () => {
    const world = await startedWorld();
    world.source.apply("f", specOf(IMAGE));
    world.source.apply("new", specOf(IMAGE, SUSPEND));
    await world.run(1_000);
    assert.equal(standing(world, "new"), "InProgress False Reconciling Suspended");
    world.fleet.rejects = () => "cannot be loaded";
    world.source.apply("f", specOf(NEXT));
    await world.run(1_000);
    assert.equal(standing(world), "Failed False Stalled RolledBack");
    world.source.apply("f", specOf(IMAGE, SUSPEND));
    await world.run(1_000);
    assert.equal(standing(world), "Current True Ready");
  });
});

test("a filter whose revisions cannot be read says so, and goes on when they can", async () => {
  const world = await startedWorld();
  const { revisions } = world.source;
  const words = 'controllerrevisions.apps is forbidden: User "weir" cannot list them\u001b[31m';
  Object.assign(world.source, { revisions: async () => failForNow("Forbidden", words) });
  world.source.apply("f", specOf(IMAGE));
  await world.run(1_000);
  const ready = () => findCondition(world.source.statusOf("f"), "Ready");
  assert.equal(ready()?.reason, "RevisionsNotRead");
  assert.match(ready()?.message ?? "", /cannot list them\\u001b/);
  assert.equal(world.source.statusOf("f")?.observedGeneration, undefined, "the spec was not looked at");
  await world.clock.advance(75_000);
  assert.ok(world.source.statusOf("f")?.conditions?.some(({ type }) => type === "Stalled"));
  Object.assign(world.source, { revisions });
  await world.clock.advance(15_000);
  await world.run(1_000);
  assert.equal(world.fleet.running("a")[0]?.revision, 1);
  assert.equal(ready()?.status, "True");
});

test("what a status said stays while its revisions cannot be read: the rollout goes on from it", () => {
  const condition = {
    type: "Programmed",
    status: "True" as const,
    reason: "x",
    message: "",
    lastTransitionTime: "2026-01-01T00:00:00.000Z",
  };
  const said = { observedGeneration: 3, revision: 2, stableRevision: 1, conditions: [condition, { ...condition, type: "Ready" }] };
  const { conditions, ...rest } = unreadStatus(said, 4, failForNow("Down", "no answer").error, 0);
  assert.deepEqual(rest, { observedGeneration: 3, revision: 2, stableRevision: 1 });
  const found = (conditions ?? []).map(({ type, status }) => `${type} ${status}`);
  assert.deepEqual(found, ["Programmed True", "Ready False", "Reconciling True"]);
});

describe("a filter that was made while no operator was there", () => {
  const reasonOf = (world: World, name: string) => {
    const found = (type: ConditionType) => findCondition(world.source.statusOf(name), type);
    return `${found("Programmed")?.status} ${found("Programmed")?.reason}, Ready ${found("Ready")?.status}`;
  };

  /** Two proxies run "old"; "new" is made while the operator and its proxies are away. */
  async function awayWorld(): Promise<World> {
    const world = await startedWorld();
    world.source.apply("old", specOf(IMAGE));
    await world.run(20_000);
    world.fleet.loseMemory();
    await world.operator.stop();
    world.source.apply("new", specOf(IMAGE, { config: "x" }));
    await world.restart();
    await world.run(1_000);
    return world;
  }

  test("is not ready out of silence, nor with the first proxy of two, and is when both are back", async () => {
    const world = await awayWorld();
    assert.equal(reasonOf(world, "new"), "Unknown Settling, Ready False");
    world.fleet.connect("a");
    await world.run(1_000);
    assert.equal(world.fleet.running("a").length, 2);
    assert.equal(reasonOf(world, "new"), "Unknown Settling, Ready False");
    world.fleet.connect("b");
    await world.run(1_000);
    assert.equal(reasonOf(world, "new"), "True Acknowledged, Ready True");
  });

  test("is ready with those that are there when the others had their time", async () => {
    const world = await awayWorld();
    await world.run(8_000);
    assert.equal(reasonOf(world, "new"), "Unknown Settling, Ready False");
    await world.run(2_000);
    assert.equal(reasonOf(world, "new"), "True NoProxies, Ready True");
  });

  test("is ready with its first proxy where no filter of the namespace had any", async () => {
    const world = createWorld();
    world.registry.push(IMAGE, "v1");
    world.source.apply("new", specOf(IMAGE));
    await world.start();
    await world.run(1_000);
    assert.equal(reasonOf(world, "new"), "Unknown Settling, Ready False");
    world.fleet.connect("a");
    await world.run(1_000);
    assert.equal(reasonOf(world, "new"), "True Acknowledged, Ready True");
  });

  test("long after the start 0 of 0 is right at once", async () => {
    const world = createWorld();
    world.registry.push(IMAGE, "v1");
    await world.start();
    await world.run(10_000);
    world.source.apply("new", specOf(IMAGE));
    await world.run(1_000);
    assert.equal(reasonOf(world, "new"), "True NoProxies, Ready True");
  });
});
