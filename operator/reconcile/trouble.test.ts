import assert from "node:assert/strict";
import { test } from "node:test";
import { findCondition } from "../../model/condition.ts";
import { silentLog } from "../../model/log.ts";
import { createWorld, specOf } from "../testing/world.ts";

const image = (name: string) => `registry.example/filters/${name}:1`;

test("an object that makes any step throw says so, is tried again, and stops no other", async () => {
  const world = createWorld();
  for (const name of ["bad", "good"]) world.registry.push(image(name), name);
  await world.start();
  world.fleet.connect("web-1");
  const ready = (name: string) => {
    const found = findCondition(world.source.statusOf(name), "Ready");
    return `${found?.status} ${found?.reason}: ${found?.message}`;
  };
  const breaks = (method: "revisions" | "saveRevision" | "deleteRevision") => {
    const original = world.source[method] as (...args: unknown[]) => unknown;
    Object.assign(world.source, {
      [method]: (...args: [{ name: string }]) => {
        if (args[0].name === "bad") throw new TypeError("never-to-be-shown");
        return original(...args);
      },
    });
    return () => Object.assign(world.source, { [method]: original });
  };
  for (const method of ["revisions", "saveRevision"] as const) {
    const mend = breaks(method);
    world.source.apply("bad", specOf(image("bad")));
    world.source.apply("good", specOf(image("good")));
    for (let i = 0; i < 4; i++) await world.run();
    assert.match(ready("good"), /^True Ready/);
    if (method === "saveRevision") {
      assert.match(
        ready("bad"),
        /^False RevisionNotKept: the new revision could not be recorded: TypeError that nobody expected.*tried again/,
      );
      assert.doesNotMatch(JSON.stringify(world.source.statusOf("bad")), /never-to-be-shown/);
    }
    mend();
    if (method === "revisions") world.source.remove("bad");
    await world.run(2_000);
  }
  for (let i = 0; i < 6; i++) await world.run(2_000);
  assert.match(ready("bad"), /^True Ready/);
});

/** Two filters, each with a proxy of its own. */
async function twoFilters() {
  const lines: string[] = [];
  const world = createWorld(undefined, { ...silentLog, error: (message, facts) => void lines.push(`${message} ${JSON.stringify(facts)}`) });
  const versions = (tag: string) => {
    for (const name of ["bad", "good"]) {
      world.registry.push(`${image(name)}${tag}`, `${name}${tag}`);
      world.source.apply(name, specOf(`${image(name)}${tag}`, { selector: { matchLabels: { of: name } } }));
    }
  };
  await world.start();
  for (const name of ["bad", "good"]) world.fleet.connect(`web-${name}`, { labels: { of: name } });
  versions("a");
  await world.run(2_000);
  await world.run(2_000);
  const ready = (name: string) => {
    const found = findCondition(world.source.statusOf(name), "Ready");
    return `${found?.status} ${found?.reason} ${world.fleet.running(`web-${name}`)[0]?.revision}`;
  };
  assert.deepEqual([ready("bad"), ready("good")], ["True Ready 1", "True Ready 1"]);
  return { world, versions, ready, lines };
}

test("a rollout that throws stays where it is and says so; others go on, and it does when it can", async () => {
  const { world, versions, ready, lines } = await twoFilters();
  const { health } = world.fleet;
  world.fleet.health = (key) => {
    if (key.endsWith("web-bad")) throw new TypeError("never-to-be-shown");
    return health(key);
  };
  versions("b");
  for (let i = 0; i < 4; i++) await world.run(2_000);
  assert.equal(ready("good"), "True Ready 2");
  assert.match(ready("bad"), /^False InternalError/);
  assert.ok(lines.some((line) => /a reconcile failed unexpectedly.*"filter":"default\/bad".*never-to-be-shown/.test(line)));
  assert.doesNotMatch(JSON.stringify(world.source.statusOf("bad")), /never-to-be-shown/);
  world.fleet.health = health;
  for (let i = 0; i < 8; i++) await world.run(2_000);
  assert.equal(ready("bad"), "True Ready 2");
});

test("a proxy that cannot be told its filters keeps what it has and is named; the others are told", async () => {
  const { world, versions, ready, lines } = await twoFilters();
  const { assign } = world.fleet;
  world.fleet.assign = (key, slots) => {
    if (key.endsWith("web-bad")) throw new TypeError("on purpose");
    assign(key, slots);
  };
  versions("b");
  for (let i = 0; i < 4; i++) await world.run(2_000);
  assert.equal(ready("good"), "True Ready 2");
  assert.equal(world.fleet.running("web-bad")[0]?.revision, 1);
  assert.ok(lines.some((line) => /a proxy could not be told its filters; it keeps what it has.*web-bad/.test(line)));
  world.fleet.assign = assign;
  world.fleet.disconnect("web-bad");
  await world.run(100);
  world.fleet.connect("web-bad", { labels: { of: "bad" } });
  for (let i = 0; i < 4; i++) await world.run(2_000);
  assert.equal(ready("bad"), "True Ready 2");
});
