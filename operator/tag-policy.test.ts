import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { WasmFilterSpec } from "../model/gen/wasmfilter.ts";
import { createWorld, specOf, type World } from "./testing/world.ts";

const IMAGE = "registry.example/filters/f";
const POLICY = { semver: "~1.2", prerelease: false };

interface Scene {
  readonly world: World;
  /** How often the tags were listed. */
  readonly lists: () => number;
  apply(more?: Partial<WasmFilterSpec>, refresh?: string): Promise<void>;
}

async function start(first: Partial<WasmFilterSpec> = {}): Promise<Scene> {
  const world = createWorld();
  let lists = 0;
  const { tags } = world.registry;
  world.registry.tags = (...args) => {
    lists++;
    return tags(...args);
  };
  for (const tag of ["1.1.9", "1.2.0", "1.2.1", "1.3.0", "latest"]) world.registry.push(`${IMAGE}:${tag}`, `of ${tag}`);
  await world.start();
  world.fleet.connect("web-1");
  const apply: Scene["apply"] = async (more = {}, refresh) => {
    const annotations = refresh === undefined ? {} : { annotations: { "weir.dev/refresh": refresh } };
    world.source.apply("f", specOf(IMAGE, { tagPolicy: POLICY, ...first, ...more }), annotations);
    await world.run(1_000);
  };
  await apply();
  return { world, lists: () => lists, apply };
}

const status = ({ world }: Scene) => world.source.statusOf("f");
const condition = (scene: Scene, wanted: string) => status(scene)?.conditions?.find(({ type }) => type === wanted);
const images = (scene: Scene) => status(scene)?.history?.map(({ image }) => image);

describe("spec.tagPolicy", () => {
  test("takes the highest tag that fits, says which, and keeps it until somebody asks", async () => {
    const scene = await start();
    const { world, lists, apply } = scene;
    const { digest = "" } = status(scene) ?? {};
    assert.deepEqual(status(scene)?.resolved, { image: IMAGE, digest, tagPolicy: POLICY, tag: "1.2.1" });
    assert.deepEqual([images(scene), condition(scene, "Ready")?.status], [[`${IMAGE}:1.2.1`], "True"]);
    const next = world.registry.push(`${IMAGE}:1.2.2`, "next");
    await apply({ config: { a: 1 } });
    await world.restart();
    await world.run(600_000);
    assert.deepEqual([lists(), status(scene)?.digest, images(scene)?.[0]], [1, digest, `${IMAGE}:1.2.1`]);
    await apply({ config: { a: 1 } }, "1");
    assert.deepEqual([lists(), status(scene)?.digest, images(scene)?.[0]], [2, next, `${IMAGE}:1.2.2`]);
    const told = world.source.events.filter(({ event }) => event.reason === "Refreshed").map(({ event }) => event.message);
    assert.deepEqual(told, [`${IMAGE}:1.2.2 is ${next}; it was ${digest}`]);
    assert.equal(status(scene)?.resolved?.refresh, "1");
  });

  test("with pullPolicy Always every move is a revision, within the interval, and a tag that goes leads back", async () => {
    const scene = await start({ pullPolicy: "Always", interval: "30s" });
    const { world } = scene;
    const first = status(scene)?.digest;
    const next = world.registry.push(`${IMAGE}:1.2.2`, "next");
    world.registry.push(`${IMAGE}:1.2.3-rc.1`, "candidate");
    await world.run(30_000);
    await world.run(1_000);
    assert.deepEqual([status(scene)?.revision, status(scene)?.digest, status(scene)?.resolved?.tag], [2, next, "1.2.2"]);
    const moved = world.registry.push(`${IMAGE}:1.2.2`, "pushed anew");
    await world.run(30_000);
    await world.run(1_000);
    assert.deepEqual([status(scene)?.revision, status(scene)?.digest], [3, moved], "the tag itself moved");
    world.registry.delete(`${IMAGE}:1.2.2`);
    await world.run(30_000);
    await world.run(1_000);
    assert.deepEqual([status(scene)?.revision, status(scene)?.digest, status(scene)?.resolved?.tag], [1, first, "1.2.1"]);
  });

  test("looks anew when the range changes, and from a policy to a tag and back", async () => {
    const scene = await start();
    const { world, apply } = scene;
    await apply({ tagPolicy: { semver: "1.x", prerelease: false } });
    assert.deepEqual([status(scene)?.resolved?.tag, status(scene)?.revision], ["1.3.0", 2]);
    world.source.apply("f", specOf(`${IMAGE}:1.1.9`));
    await world.run(1_000);
    assert.deepEqual([Object.keys(status(scene)?.resolved ?? {}), status(scene)?.revision], [["image", "digest"], 3]);
    await apply();
    assert.deepEqual([status(scene)?.resolved?.tag, status(scene)?.revision], ["1.2.1", 1]);
  });

  test("a tag in the range that nobody pushed is waited for, and what is served goes on", async () => {
    const scene = await start();
    const { world, apply } = scene;
    await apply({ tagPolicy: { semver: "~2.1", prerelease: false } });
    const resolved = condition(scene, "Resolved");
    assert.deepEqual([resolved?.status, resolved?.reason], ["False", "TagNotFound"]);
    const words = `${IMAGE} has no tag in the range ~2.1, pre-releases left out (of 5); push one, or correct spec.tagPolicy`;
    assert.ok(resolved?.message.startsWith(words), resolved?.message);
    assert.equal(world.fleet.running("web-1").length, 1);
    const pushed = world.registry.push(`${IMAGE}:2.1.0`, "late");
    await world.run(2_000);
    await world.run(1_000);
    assert.equal(status(scene)?.digest, pushed);
  });

  test("where the registry is away, goes back to what the history has in the range", async () => {
    const scene = await start();
    const { world, apply } = scene;
    const first = status(scene)?.digest;
    await apply({ tagPolicy: { semver: "1.x", prerelease: false } });
    world.registry.down = true;
    await apply();
    assert.deepEqual([status(scene)?.digest, status(scene)?.resolved?.tag], [first, "1.2.1"]);
  });

  test("a plan shows where it would move, and a pin wins", async () => {
    const scene = await start();
    const { world, apply } = scene;
    const applicant = { id: "a", mayApply: async () => ({ ok: true, value: undefined }) as const };
    const { metadata } = world.source.filters().get("default/f") ?? {};
    const asked = { metadata, apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", spec: specOf(IMAGE, { tagPolicy: { semver: "1.x" } }) };
    const planned = await world.planner.plan({ objects: [asked], applicant, signal: new AbortController().signal });
    assert.ok(planned.ok);
    const [plan] = planned.value.filters;
    assert.equal(plan?.after?.image, `${IMAGE}:1.3.0`);
    assert.deepEqual(
      plan?.revision.find(({ field }) => field === "image"),
      { field: "image", before: `${IMAGE}:1.2.1`, after: `${IMAGE}:1.3.0` },
    );
    const pin = world.registry.push(`${IMAGE}:1.1.9`, "of 1.1.9");
    await apply({ digest: pin });
    assert.deepEqual([status(scene)?.digest, images(scene)?.[0]], [pin, `${IMAGE}@${pin}`]);
  });
});
