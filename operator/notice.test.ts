import assert from "node:assert/strict";
import { test } from "node:test";
import { repositoryPath } from "./filter/references.ts";
import { createWorld, specOf } from "./testing/world.ts";

const IMAGE = "registry.example/filters/f:1";

test("a registry's word that a tag moved has it looked at at once: where tags are followed, or the image is missing", async () => {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  await world.start();
  world.fleet.connect("web-1");
  world.source.apply("follows", specOf(IMAGE, { pullPolicy: "Always", interval: "1h" }));
  world.source.apply("keeps", specOf(IMAGE));
  world.source.apply("misses", specOf("registry.example/filters/g:1", { interval: "1h" }));
  await world.run(600_000);
  const second = world.registry.push(IMAGE, "v2");
  world.registry.push("registry.example/filters/g:1", "late");
  world.source.announce("repository/other/f");
  await world.run(1_000);
  assert.equal(world.source.statusOf("follows")?.revision, 1);
  world.source.announce("repository/filters/f");
  world.source.announce("repository/filters/g");
  await world.run(1_000);
  const { digest, revision } = world.source.statusOf("follows") ?? {};
  assert.deepEqual(
    [digest, revision, world.source.statusOf("keeps")?.revision, world.source.statusOf("misses")?.revision],
    [second, 2, 1, 1],
  );
});

test("a registry that tells faster than a look takes ends none, and is looked at once more after it", async () => {
  const world = createWorld();
  const [first, held] = [world.registry.push(IMAGE, "v1"), Promise.withResolvers<void>()];
  const { pull } = world.registry;
  let pulls = 0;
  let ended = 0;
  world.registry.pull = async (image, digest, options) => {
    pulls++;
    options.signal?.addEventListener("abort", () => ended++);
    if (digest === first) await held.promise;
    return pull(image, digest, options);
  };
  await world.start();
  world.fleet.connect("web-1");
  world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "1h" }));
  await world.run(1_000);
  const second = world.registry.push(IMAGE, "v2");
  for (let i = 0; i < 5; i++) {
    world.source.announce("repository/filters/f");
    await world.run(100);
  }
  assert.deepEqual([pulls, ended], [1, 0]);
  held.resolve();
  await world.run(1_000);
  const { digest } = world.source.statusOf("f") ?? {};
  assert.deepEqual([digest, pulls, ended], [second, 2, 0]);
});

test("a repository is told without its registry, tag and digest", () => {
  for (const [image, path] of [
    ["registry.example/a/b:1", "a/b"],
    ["registry.example:5000/a", "a"],
    [`localhost/a/b:1@sha256:${"0".repeat(64)}`, "a/b"],
    ["[::1]:5000/a:1", "a"],
    ["team/f:1", "team/f"],
    ["nginx", "library/nginx"],
  ] as const)
    assert.equal(repositoryPath(image), path, image);
});
