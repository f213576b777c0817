import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createWorld, specOf, type World } from "./testing/world.ts";

const IMAGE = "registry.example/filters/add-header:1";
const NEXT = "registry.example/filters/add-header:2";

/** How a filter comes to a state in which it has nothing to do. */
const states: Readonly<Record<string, (world: World) => void | Promise<void>>> = {
  succeeded: (world) => world.source.apply("f", specOf(IMAGE)),
  "without a valid spec": (world) => world.source.apply("f", { image: IMAGE, digest: "nonsense" }),
  "without an image": (world) => world.source.apply("f", specOf("registry.example/none:1")),
  "refused by preflight": (world) => {
    world.registry.push(NEXT, "junk");
    world.source.apply("f", specOf(NEXT));
  },
  suspended: (world) => world.source.apply("f", specOf(IMAGE, { suspend: true })),
  rejected: (world) => {
    world.fleet.rejects = () => "cannot be loaded";
    world.source.apply("f", specOf(IMAGE));
  },
  "paused at its first wave": async (world) => {
    world.source.apply("f", specOf(IMAGE));
    await world.run(1_000);
    world.registry.push(NEXT, "v2");
    world.source.apply("f", specOf(NEXT, { rollout: { steps: [{ percent: 50, pause: true }, { percent: 100 }] } }));
  },
  "waiting for a proxy that does not answer": (world) => {
    world.fleet.deaf("a", true);
    world.source.apply("f", specOf(IMAGE));
  },
};

describe("a filter with nothing to do", () => {
  for (const [state, reach] of Object.entries(states)) {
    test(`writes nothing and keeps nobody busy: ${state}`, async () => {
      const world = createWorld();
      world.registry.push(IMAGE, "v1");
      await world.start();
      for (const id of ["a", "b"]) world.fleet.connect(id);
      await reach(world);
      await world.run(20_000);
      await world.run(1_000);
      let [writes, looks] = [0, 0];
      world.source.onStatus = () => void writes++;
      const { proxy } = world.fleet;
      world.fleet.proxy = (id) => {
        looks++;
        return proxy(id);
      };
      await world.clock.advance(60_000);
      assert.equal(writes, 0);
      // A rollout under way is looked at four times a second.
      assert.ok(looks <= 2 * 4 * 61, `${looks} looks at two proxies in a minute`);
    });
  }
});
