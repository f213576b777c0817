import assert from "node:assert/strict";
import { test } from "node:test";
import { createWorld, specOf } from "../testing/world.ts";

const image = (name: string) => `registry.example/filters/${name}:1`;

test("an object that makes any step throw says so, is tried again, and stops no other", async () => {
  const world = createWorld();
  for (const name of ["bad", "good"]) world.registry.push(image(name), name);
  await world.start();
  world.fleet.connect("web-1");
  const ready = (name: string) => {
    const found = world.source.statusOf(name)?.conditions?.find(({ type }) => type === "Ready");
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
