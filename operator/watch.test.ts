import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ConditionType, findCondition } from "../model/condition.ts";
import type { WasmFilterSpec } from "../model/gen/wasmfilter.ts";
import { live, type Second } from "./testing/live.ts";
import { createWorld, specOf, type World } from "./testing/world.ts";

const IMAGE = "registry.example/filters/f:1";
const IDS = ["web-1", "web-2", "web-3"];
const BAD: Second = { errors: 20 };

const status = (world: World) => world.source.statusOf("f");
const condition = (world: World, type: ConditionType) => findCondition(status(world), type);
const resultOf = (world: World, revision: number) => status(world)?.history?.find((item) => item.revision === revision);
const events = (world: World) => world.source.events.map(({ event }) => event.reason);

/** A filter without steps, its first revision stable. */
async function stable(rollout?: WasmFilterSpec["rollout"], seconds = 30): Promise<World> {
  const world = createWorld();
  await world.start();
  for (const id of IDS) world.fleet.connect(id);
  await live(world, 3);
  apply(world, "v1", rollout);
  await live(world, seconds);
  return world;
}

function apply(world: World, text: string, rollout?: WasmFilterSpec["rollout"]): void {
  world.registry.push(`${IMAGE}-${text}`, text);
  const { rollout: _, ...spec } = specOf(`${IMAGE}-${text}`);
  world.source.apply("f", rollout === undefined ? spec : { ...spec, rollout });
}

function runs(world: World, revision: number): boolean {
  return IDS.every((id) => world.fleet.running(id)[0]?.revision === revision);
}

/** What proxies do that run this revision; those that do not are well. */
const only = (world: World, revision: number, second: Second) => (id: string) =>
  world.fleet.running(id)[0]?.revision === revision ? second : {};

describe("a revision that goes to every proxy at once", () => {
  test("is Ready when every proxy runs it, and stable when it did well for 15 s", async () => {
    const world = await stable();
    apply(world, "v2");
    await live(world, 3);
    assert.ok(runs(world, 2));
    assert.deepEqual([condition(world, "Ready")?.status, condition(world, "Progressing")?.reason], ["True", "Watching"]);
    assert.deepEqual([status(world)?.stableRevision, status(world)?.rollout?.state], [1, "Holding"]);
    assert.equal(status(world)?.digest, resultOf(world, 2)?.digest);
    assert.ok((status(world)?.rollout?.watch?.requests ?? 0) > 1_000);
    await live(world, 16);
    assert.deepEqual([status(world)?.stableRevision, status(world)?.rollout?.state], [2, "Succeeded"]);
    assert.deepEqual([resultOf(world, 2)?.result, status(world)?.rollout?.watch], ["Succeeded", undefined]);
  });

  test("that is replaced meanwhile is said to have been on every proxy; one that had not come so far is not", async () => {
    const world = await stable();
    apply(world, "v2");
    await live(world, 3);
    apply(world, "v1");
    await live(world, 3);
    assert.deepEqual(
      [resultOf(world, 2)?.result, resultOf(world, 2)?.message],
      ["Superseded", "replaced by revision 1 while it was watched on every proxy"],
    );
    for (const [number, steps, message] of [
      [3, [{ percent: 30, pause: true }, { percent: 100 }], "before it had reached every proxy"],
      [4, [{ percent: 30 }, { percent: 100, pause: true }], "in the hold of its last step, on every proxy"],
      [5, [{ percent: 100, pause: true, match: [{ method: "POST" }] }, { percent: 100 }], "in a dark step, when only some requests saw it"],
    ] as const) {
      apply(world, `v${number}`, { steps: steps as never });
      await live(world, 4);
      apply(world, "v1", { steps: steps as never });
      await live(world, 3);
      assert.equal(resultOf(world, number)?.message, `replaced by revision 1 ${message}`);
    }
  });

  test("that waits in a wave goes no further by the steps of a spec that leads elsewhere, or nowhere", async () => {
    const world = await stable();
    const steps = [{ percent: 30, pause: true }, { percent: 100 }];
    apply(world, "v2", { steps });
    await live(world, 4);
    const { rollout: _, ...nowhere } = specOf(`${IMAGE}-none`);
    world.source.apply("f", nowhere);
    await live(world, 20);
    assert.deepEqual(
      [IDS.filter((id) => world.fleet.running(id)[0]?.revision === 2).length, resultOf(world, 2)?.result],
      [1, "Progressing"],
    );
    apply(world, "v1");
    await live(world, 3);
    assert.ok(runs(world, 1));
    assert.deepEqual(
      [resultOf(world, 2)?.result, resultOf(world, 2)?.message],
      ["Superseded", "replaced by revision 1 before it had reached every proxy"],
    );
    assert.ok(!world.source.events.some(({ event }) => event.message.startsWith("revision 2 runs on every")));
  });

  test("does not say that every proxy runs it once one is lost", async () => {
    const world = await stable();
    apply(world, "v2");
    await live(world, 3);
    assert.equal(status(world)?.rollout?.message, "every proxy runs it and is being watched");
    const { matched = 0 } = status(world)?.proxies ?? {};
    world.fleet.disconnect(IDS[0] ?? "");
    await live(world, 3);
    assert.equal(status(world)?.rollout?.message, `every proxy ran it, and it is being watched; 1 of ${matched} came later, or is lost`);
  });

  test("is not paused by steps that the spec gets while it is watched", async () => {
    const world = await stable();
    apply(world, "v2");
    await live(world, 3);
    apply(world, "v2", { steps: [{ percent: 50, pause: true }, { percent: 100 }] });
    await live(world, 3);
    assert.deepEqual([condition(world, "Progressing")?.reason, status(world)?.rollout?.state], ["Watching", "Holding"]);
    await live(world, 16);
    assert.equal(status(world)?.rollout?.state, "Succeeded");
  });

  const faults: readonly [name: string, second: Second, reason: RegExp][] = [
    ["answers 5xx", BAD, /^ErrorsRose: 100\.0% of \d+ requests got a 5xx, against 0\.0% (before|on stable)$/],
    ["takes longer", { ms: 90 }, /^LatencyRose: /],
    ["loses its VM", { vmFailures: 1 }, /^VmFailed: /],
  ];
  for (const [name, second, reason] of faults) {
    test(`goes back by itself when it ${name}`, async () => {
      const world = await stable();
      apply(world, "v2");
      await live(world, 8, only(world, 2, second));
      assert.equal(status(world)?.rollout?.state, "RolledBack");
      assert.match(resultOf(world, 2)?.message ?? "", reason);
      assert.ok(runs(world, 1));
      assert.deepEqual([condition(world, "Ready")?.status, status(world)?.stableRevision], ["False", 1]);
    });
  }

  test("goes back when a worker hangs, and when proxies do not come back", async () => {
    for (const [harm, reason] of [
      [(world: World) => world.fleet.hang("web-1", true), /^ProxyHung/],
      [(world: World) => ["web-1", "web-2"].forEach((id) => void world.fleet.disconnect(id)), /^ProxyVanished/],
    ] as const) {
      const world = await stable();
      apply(world, "v2");
      await live(world, 3);
      harm(world);
      await live(world, 8);
      assert.equal(status(world)?.rollout?.state, "RolledBack");
      assert.match(resultOf(world, 2)?.message ?? "", reason);
    }
  });

  test("is not blamed for proxies whose pods are replaced meanwhile", async () => {
    const world = await stable();
    apply(world, "v2");
    await live(world, 3);
    for (const id of IDS) {
      world.fleet.connect(`new-${id}`);
      await live(world, 1);
      world.fleet.disconnect(id);
      await live(world, 2);
    }
    await live(world, 8);
    assert.deepEqual([status(world)?.rollout?.state, status(world)?.stableRevision], ["Succeeded", 2]);
  });

  test("passes without traffic, and with fewer requests than are needed for a judgement", async () => {
    for (const requests of [0, 1]) {
      const world = await stable();
      apply(world, "v2");
      await live(world, 20, only(world, 2, { requests, errors: requests }));
      assert.equal(status(world)?.stableRevision, 2);
    }
  });

  test("is stable at once where there is nobody to watch, where one step is written out, and where it was stable before", async () => {
    const alone = createWorld();
    await alone.start();
    apply(alone, "v1");
    // Right after a start, proxies may be on their way.
    await alone.run(11_000);
    assert.equal(status(alone)?.rollout?.state, "Succeeded");

    const written = { steps: [{ percent: 100 }] };
    const unwatched = await stable(written);
    apply(unwatched, "v2", written);
    await live(unwatched, 20, BAD_FROM(unwatched, 2));
    assert.deepEqual([status(unwatched)?.stableRevision, status(unwatched)?.rollout?.state], [2, "Succeeded"]);

    const back = await stable();
    apply(back, "v2");
    await live(back, 20);
    apply(back, "v1");
    await live(back, 2, BAD_FROM(back, 1));
    assert.deepEqual([status(back)?.stableRevision, status(back)?.rollout?.state], [1, "Succeeded"]);
  });

  test("is watched with a rollout that names no steps, by what that says", async () => {
    const world = await stable({ analysis: { minRequests: 10_000 } });
    apply(world, "v2", { analysis: { minRequests: 10_000 } });
    await live(world, 20, only(world, 2, BAD));
    assert.equal(status(world)?.stableRevision, 2);
  });

  test("stays and is told where nothing goes back by itself", async () => {
    const world = await stable({ autoRollback: false });
    apply(world, "v2", { autoRollback: false });
    await live(world, 8, only(world, 2, BAD));
    assert.ok(runs(world, 2));
    assert.deepEqual([condition(world, "Ready")?.reason, status(world)?.stableRevision], ["WatchFailed", 2]);
  });

  test("is not watched for longer by a proxy that comes and does not answer", async () => {
    const world = await stable();
    apply(world, "v2");
    await live(world, 5);
    world.fleet.connect("mute");
    world.fleet.deaf("mute", true);
    await live(world, 15);
    assert.equal(status(world)?.stableRevision, 2);
  });

  test("gives way to another at once, which is held against what was stable last", async () => {
    const world = await stable(undefined, 16);
    apply(world, "v2");
    // Not so bad that it is taken back, and bad enough to hide the next.
    await live(world, 6, only(world, 2, { errors: 0.9 }));
    const before = status(world)?.rollout?.watch;
    apply(world, "v3");
    await live(world, 4);
    assert.ok(runs(world, 3));
    assert.deepEqual([resultOf(world, 2)?.result, status(world)?.stableRevision], ["Superseded", 1]);
    assert.deepEqual(status(world)?.rollout?.watch, before);
    await live(world, 8, only(world, 3, BAD));
    assert.equal(status(world)?.rollout?.state, "RolledBack");
    assert.ok(runs(world, 1));
  });
});

const BAD_FROM = (world: World, revision: number) => only(world, revision, BAD);

describe("a first revision", () => {
  test("is stable and Ready when every proxy runs it", async () => {
    const world = await stable(undefined, 3);
    assert.deepEqual(
      [condition(world, "Ready")?.status, status(world)?.stableRevision, resultOf(world, 1)?.result],
      ["True", 1, "Succeeded"],
    );
    assert.match(condition(world, "Progressing")?.message ?? "", /no earlier one to go back to/);
  });

  test("stays when it is worse than no filter, and that is told until the spec changes", async () => {
    const world = await stable(undefined, 0);
    await live(world, 8, only(world, 1, BAD));
    assert.ok(runs(world, 1));
    const ready = condition(world, "Ready");
    assert.deepEqual([ready?.status, ready?.reason, status(world)?.rollout?.state], ["False", "WatchFailed", "Succeeded"]);
    assert.match(ready?.message ?? "", /revision 1 is worse than before and stays: ErrorsRose: 100\.0% of \d+ requests/);
    assert.equal(events(world).filter((reason) => reason === "WatchFailed").length, 1);
    await world.restart();
    await live(world, 20);
    assert.equal(condition(world, "Ready")?.reason, "WatchFailed");
    apply(world, "v1", { progressDeadline: "9m" });
    await live(world, 1);
    assert.equal(condition(world, "Ready")?.status, "True");
  });

  test("is what the next one goes back to, however early that comes", async () => {
    const world = await stable(undefined, 2);
    apply(world, "v2");
    world.fleet.rejects = ({ revision }) => (revision === 2 ? "Unable to create Wasm plugin default/f" : undefined);
    await live(world, 3);
    assert.equal(status(world)?.rollout?.state, "RolledBack");
    assert.ok(runs(world, 1));
  });
});

describe("an operator that starts in the middle of a watch", () => {
  async function restartedWith(second: Second): Promise<World> {
    const world = await stable(undefined, 16);
    apply(world, "v2");
    // Too few requests for a judgement, and most of what a young proxy ever counted.
    await live(world, 2);
    for (const id of IDS) {
      const health = world.fleet.health(id);
      assert.ok(health !== undefined);
      world.fleet.report(id, {
        ...health,
        at: world.clock.now(),
        requests: health.requests + 1_000,
        errors5xx: second === BAD ? 1_000 : 0,
      });
    }
    world.fleet.loseMemory();
    await world.restart();
    for (const id of IDS) world.fleet.connect(id);
    return world;
  }

  test("does not take what the target did for what was before", async () => {
    const world = await restartedWith(BAD);
    await live(world, 8, only(world, 2, { errors: 10 }));
    assert.equal(status(world)?.rollout?.state, "RolledBack");
    assert.match(resultOf(world, 2)?.message ?? "", /50\.0% of \d+ requests got a 5xx, against 0\.0% before/);
  });

  test("does not blame one that does well, and watches it for ten seconds more", async () => {
    const world = await restartedWith({});
    await live(world, 8);
    assert.equal(status(world)?.stableRevision, 1);
    await live(world, 14);
    assert.deepEqual([status(world)?.stableRevision, status(world)?.rollout?.state], [2, "Succeeded"]);
  });

  test("does not watch what an earlier version rolled out", async () => {
    const world = await stable();
    apply(world, "v2");
    await live(world, 2);
    const { rollout: { watch: _, ...rollout } = { state: "Progressing" }, ...rest } = status(world) ?? {};
    await world.operator.stop();
    await world.source.writeStatus({ namespace: "default", name: "f" }, world.source.filters().get("default/f")?.metadata.uid ?? "", {
      ...rest,
      rollout: { ...rollout, state: "Progressing" },
    });
    await world.restart();
    await live(world, 3, only(world, 2, BAD));
    assert.deepEqual([status(world)?.stableRevision, status(world)?.rollout?.state], [2, "Succeeded"]);
  });
});
