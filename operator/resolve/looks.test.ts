import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ModuleRegistry } from "../../model/module.ts";
import { fail, failForNow } from "../../model/result.ts";
import { createWorld, specOf, type World } from "../testing/world.ts";
import { mayEnd } from "./looks.ts";

const IMAGE = "registry.example/filters/add-header:1";

/** Times in seconds at which the registry was asked for a digest. */
function asked(world: World): number[] {
  const times: number[] = [];
  const from = world.clock.now();
  const { resolve } = world.registry;
  world.registry.resolve = (...args: Parameters<ModuleRegistry["resolve"]>) => {
    times.push((world.clock.now() - from) / 1_000);
    return resolve(...args);
  };
  return times;
}

const gaps = (times: readonly number[]) => times.slice(1).map((time, index) => Math.round((time - (times[index] ?? 0)) * 100) / 100);

test("what others may bring or grant ends by itself, what only another module or spec can mend does not", () => {
  const of = (stage: Parameters<typeof mayEnd>[0], reason: string) => mayEnd(stage, { reason, message: "", retryable: false });
  for (const reason of ["ImageNotFound", "ModuleNotFound", "AccessDenied", "SecretNotFound"]) assert.ok(of("resolve", reason), reason);
  for (const reason of ["SecretNotFound", "ConfigMapKeyNotFound", "SecretForbidden"]) assert.ok(of("configure", reason), reason);
  for (const reason of ["NoModule", "ModuleTooLarge", "PullSecretInvalid"]) assert.ok(!of("resolve", reason), reason);
  assert.ok(!of("prove", "ImportNotFound") && !of("parse", "InvalidSpec"));
  assert.ok(mayEnd("prove", { reason: "Busy", message: "", retryable: true }));
});

describe("an image that is not there yet", () => {
  test("is looked for every second for a minute, then after 2, 4, 8 s and so on up to the interval", async () => {
    const world = createWorld();
    const times = asked(world);
    await world.start();
    world.source.apply("add-header", specOf(IMAGE, { interval: "20s" }));
    await world.clock.advance(150_000);
    const all = gaps(times);
    assert.ok(all.slice(0, 60).every((gap) => gap === 1));
    assert.deepEqual(all.slice(60), [2, 4, 8, 16, 20, 20, 20].slice(0, all.length - 60));
    assert.ok(all.length >= 65);
  });

  test("serves within two seconds when it comes in the first minute", async () => {
    for (const seconds of [1, 5, 40, 59]) {
      const world = createWorld();
      await world.start();
      world.source.apply("add-header", specOf(IMAGE));
      await world.clock.advance(seconds * 1_000);
      assert.equal(world.source.statusOf("add-header")?.revision, undefined);
      world.registry.push(IMAGE, "v1");
      await world.clock.advance(2_000);
      assert.equal(world.source.statusOf("add-header")?.revision, 1, `${seconds} s`);
    }
  });

  test("is looked for as often as the interval says where that is a second", async () => {
    const world = createWorld();
    const times = asked(world);
    await world.start();
    world.source.apply("add-header", specOf(IMAGE, { interval: "1s" }));
    await world.clock.advance(120_000);
    assert.ok(gaps(times).every((gap) => gap === 1));
  });
});

describe("a failure that is asked for less often", () => {
  test("is a name and password that were denied: 1, 2, 4, 8 s and so on", async () => {
    const world = createWorld();
    world.source.setSecret("regcred", { ".dockerconfigjson": "{}" });
    world.registry.resolve = async () => fail("AccessDenied", "denied");
    const times = asked(world);
    await world.start();
    world.source.apply("add-header", specOf(IMAGE, { pullSecrets: [{ name: "regcred" }] }));
    await world.clock.advance(200_000);
    assert.deepEqual(gaps(times), [1, 2, 4, 8, 16, 32, 60, 60]);
  });

  test("is a registry that goes away under a filter that it served", async () => {
    const world = createWorld();
    world.registry.push(IMAGE, "v1");
    await world.start();
    world.source.apply("add-header", specOf(IMAGE, { pullPolicy: "Always", interval: "30s" }));
    await world.clock.advance(1_000);
    world.registry.down = true;
    const times = asked(world);
    await world.clock.advance(150_000);
    assert.deepEqual(gaps(times), [1, 2, 4, 8, 16, 30, 30, 30]);
  });

  test("is one that says when it wants to be asked again: not before, and a little spread", async () => {
    const world = createWorld();
    world.registry.resolve = async () => ({
      ok: false,
      error: { reason: "RateLimited", message: "429", retryable: true, retryAfterMs: 80_000 },
    });
    const times = asked(world);
    await world.start();
    world.source.apply("add-header", specOf(IMAGE));
    await world.clock.advance(300_000);
    assert.deepEqual(gaps(times), [90, 90, 90]);
  });

  test("is one that took its time: it is left alone for as long as it took", async () => {
    const world = createWorld();
    world.registry.resolve = () =>
      new Promise((resolve) => world.clock.after(9_000, () => resolve(failForNow("RegistryUnavailable", "no answer"))));
    const times = asked(world);
    await world.start();
    world.source.apply("add-header", specOf(IMAGE));
    await world.clock.advance(55_000);
    assert.deepEqual(gaps(times), [18, 18, 18]);
  });
});

test("a namespace with thousands of wrong images asks ten times a second, and holds up no other", async () => {
  const world = createWorld();
  await world.start();
  for (let i = 0; i < 2_000; i++) world.source.apply(`wrong-${i}`, specOf(`registry.example/wrong/f${i}:1`));
  // The first looks are as many as there are filters.
  const times = asked(world);
  while (times.length < 2_000) await world.clock.advance(1_000);
  const first = times.length;
  await world.clock.advance(60_000);
  const again = times.length - first;
  assert.ok(again >= 500 && again <= 640, `${again} requests in a minute`);
  world.source.apply("late", specOf(IMAGE), { namespace: "other" });
  await world.clock.advance(5_000);
  world.registry.push(IMAGE, "v1");
  await world.clock.advance(2_000);
  assert.equal(world.source.statusOf("late", "other")?.revision, 1);
});
