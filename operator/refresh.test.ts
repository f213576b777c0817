import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findCondition } from "../model/condition.ts";
import type { WasmFilterSpec } from "../model/gen/wasmfilter.ts";
import type { ModuleRegistry } from "../model/module.ts";
import { createWorld, specOf, type World } from "./testing/world.ts";

const IMAGE = "registry.example/filters/f:1";
const OTHER = "registry.example/filters/g:1";

interface Scene {
  readonly world: World;
  /** References whose tag was looked at. */
  readonly looks: string[];
  apply(more?: Partial<WasmFilterSpec>, refresh?: string, image?: string): Promise<void>;
}

async function start(): Promise<Scene> {
  const world = createWorld();
  const looks: string[] = [];
  const { resolve } = world.registry;
  world.registry.resolve = (...args: Parameters<ModuleRegistry["resolve"]>) => {
    if (args[1] === undefined) looks.push(args[0]);
    return resolve(...args);
  };
  world.registry.push(IMAGE, "v1");
  await world.start();
  world.fleet.connect("web-1");
  const apply: Scene["apply"] = async (more = {}, refresh, image = IMAGE) => {
    world.source.apply("f", specOf(image, more), refresh === undefined ? {} : { annotations: { "weir.dev/refresh": refresh } });
    await world.run(1_000);
  };
  await apply();
  assert.deepEqual(looks, [IMAGE]);
  looks.length = 0;
  return { world, looks, apply };
}

const status = ({ world }: Scene) => world.source.statusOf("f");
const told = ({ world }: Scene) =>
  world.source.events.filter(({ event }) => event.reason === "Refreshed").map(({ event }) => event.message);
const resolved = (scene: Scene) => findCondition(status(scene), "Resolved");

describe("a reference keeps its digest", () => {
  test("whatever else of the spec changes, and over restarts, until spec.image changes", async () => {
    const scene = await start();
    const { world, looks, apply } = scene;
    const first = status(scene)?.digest;
    world.registry.push(IMAGE, "v2");
    world.registry.push(OTHER, "other");
    await apply({ config: { a: 1 } });
    await world.restart();
    await world.run(1_000);
    assert.deepEqual([status(scene)?.digest, looks], [first, []]);
    await apply({}, undefined, OTHER);
    const back = world.registry.push(IMAGE, "v3");
    await apply();
    assert.deepEqual([status(scene)?.digest, looks], [back, [OTHER, IMAGE]]);
  });

  test("and goes back to the digest that the history has where the registry is away", async () => {
    const scene = await start();
    const { world, looks, apply } = scene;
    const first = status(scene)?.digest;
    world.registry.push(OTHER, "other");
    await apply({}, undefined, OTHER);
    world.registry.push(IMAGE, "v2");
    world.registry.down = true;
    await apply();
    assert.equal(status(scene)?.digest, first);
    world.registry.down = false;
    looks.length = 0;
    await world.restart();
    await world.run(1_000);
    assert.deepEqual([status(scene)?.digest, looks], [first, []], "it is kept from then on");
  });

  test("also where a tag went back to what it was, and where it was pinned meanwhile", async () => {
    const scene = await start();
    const { world, apply } = scene;
    const first = status(scene)?.digest;
    const second = world.registry.push(IMAGE, "v2");
    await apply({}, "1");
    assert.equal(status(scene)?.digest, second);
    world.registry.push(IMAGE, "v1");
    await apply({}, "2");
    assert.equal(status(scene)?.digest, first);
    await world.restart();
    await apply({ config: { a: 1 } }, "2");
    assert.equal(status(scene)?.digest, first);
    await apply({ digest: second }, "2");
    await apply({}, "2");
    assert.equal(status(scene)?.digest, first);
  });

  test("that an earlier version found: without a note of it, nothing is looked at and nothing noted", async () => {
    const scene = await start();
    const { world, looks } = scene;
    const { resolved: _, ...old } = status(scene) ?? {};
    await world.operator.stop();
    const uid = world.source.filters().get("default/f")?.metadata.uid ?? "";
    await world.source.writeStatus({ namespace: "default", name: "f" }, uid, old as NonNullable<ReturnType<typeof status>>);
    world.registry.push(IMAGE, "v2");
    await world.restart();
    await world.run(1_000);
    assert.deepEqual([looks, status(scene)?.revision, status(scene)?.digest, status(scene)?.resolved], [[], 1, old.digest, undefined]);
  });
});

describe("weir.dev/refresh", () => {
  test("has the tag looked at once for each new value, also over restarts", async () => {
    const scene = await start();
    const { world, looks, apply } = scene;
    await apply({}, "1");
    await world.run(120_000);
    await world.restart();
    await world.run(1_000);
    assert.deepEqual([looks, status(scene)?.revision, status(scene)?.resolved?.refresh], [[IMAGE], 1, "1"]);
    const second = world.registry.push(IMAGE, "v2");
    await apply({ config: { a: 1 } }, "1");
    assert.equal(looks.length, 1);
    await apply({}, "2");
    assert.deepEqual([status(scene)?.digest, looks.length], [second, 2]);
    assert.match(told(scene)[0] ?? "", /^registry\.example\/filters\/f:1 is still sha256:/);
    assert.match(told(scene)[1] ?? "", /^registry\.example\/filters\/f:1 is sha256:.*; it was sha256:/);
    await apply({});
    assert.equal(looks.length, 2, "a value that goes asks for nothing");
  });

  test("asked while no operator runs has its look at the next start", async () => {
    const scene = await start();
    const { world, looks } = scene;
    await world.operator.stop();
    const second = world.registry.push(IMAGE, "v2");
    world.source.apply("f", specOf(IMAGE), { annotations: { "weir.dev/refresh": "1" } });
    await world.restart();
    await world.run(1_000);
    assert.deepEqual([status(scene)?.digest, looks], [second, [IMAGE]]);
  });

  test("that fails is told and tried again; what serves goes on", async () => {
    const scene = await start();
    const { world, apply } = scene;
    const second = world.registry.push(IMAGE, "v2");
    world.registry.down = true;
    await apply({}, "1");
    assert.deepEqual([resolved(scene)?.status, resolved(scene)?.reason], ["Unknown", "RegistryUnavailable"]);
    assert.equal(status(scene)?.resolved?.refresh, undefined);
    await world.restart();
    await world.run(1_000);
    assert.equal(status(scene)?.revision, 1);
    assert.equal(world.fleet.running("web-1")[0]?.revision, 1);
    world.registry.down = false;
    await world.run(4_000);
    assert.deepEqual([status(scene)?.digest, status(scene)?.resolved?.refresh, resolved(scene)?.status], [second, "1", "True"]);
  });

  test("that fails is forgotten when it is taken back", async () => {
    const scene = await start();
    scene.world.registry.down = true;
    await scene.apply({}, "1");
    await scene.apply({});
    assert.equal(resolved(scene)?.status, "True");
  });

  test("waits while the filter is suspended", async () => {
    const scene = await start();
    const { world, looks, apply } = scene;
    const second = world.registry.push(IMAGE, "v2");
    await apply({ suspend: true }, "1");
    await world.run(5_000);
    assert.deepEqual(looks, []);
    await apply({}, "1");
    assert.deepEqual([looks, status(scene)?.digest], [[IMAGE], second]);
  });

  test("finds nothing to look at where the digest is pinned, and does not come back to it", async () => {
    const scene = await start();
    const { looks, apply } = scene;
    const digest = status(scene)?.digest ?? "";
    await apply({ digest }, "1");
    assert.match(told(scene)[0] ?? "", /no tag to look at/);
    await apply({}, "1");
    assert.deepEqual([looks, status(scene)?.revision], [[], 1]);
  });

  test("does not roll a revision out again that was rolled back, and does another", async () => {
    const scene = await start();
    const { world, apply } = scene;
    world.fleet.rejects = ({ revision }) => (revision === 2 ? "Unable to create Wasm plugin default/f" : undefined);
    world.registry.push(IMAGE, "v2");
    await apply({}, "1");
    assert.equal(status(scene)?.rollout?.state, "RolledBack");
    const started = status(scene)?.rollout?.startTime;
    world.source.apply("f", world.source.filters().get("default/f")?.spec ?? assert.fail(), { annotations: { "weir.dev/refresh": "2" } });
    await world.run(1_000);
    assert.equal(world.fleet.running("web-1")[0]?.revision, 1);
    assert.ok(status(scene)?.rollout?.state === "RolledBack" || started !== status(scene)?.rollout?.startTime);
    const third = world.registry.push(IMAGE, "v3");
    await apply({}, "3");
    assert.deepEqual([status(scene)?.rollout?.state, status(scene)?.digest], ["Succeeded", third]);
  });

  test("concerns the filter that has it, and no other of the same image", async () => {
    const scene = await start();
    const { world, apply } = scene;
    world.source.apply("other", specOf(IMAGE));
    await world.run(1_000);
    const second = world.registry.push(IMAGE, "v2");
    await apply({}, "1");
    assert.equal(status(scene)?.digest, second);
    assert.notEqual(world.source.statusOf("other")?.digest, second);
  });

  test("of any length and with any characters is noted in bounds", async () => {
    const scene = await start();
    for (const value of ["x".repeat(200_000), "\u0000\u202e\ud800", " "]) await scene.apply({}, value);
    assert.equal(scene.looks.length, 3);
    await scene.apply({}, "x".repeat(200_000));
    assert.match(status(scene)?.resolved?.refresh ?? "", /^sha256:[0-9a-f]{64}$/);
  });
});
