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
  "paused, with proxies that report": async (world) => {
    await states["paused at its first wave"]?.(world);
    await world.run(1_000);
    const health = { requests: 1, errors5xx: 0, latencySumMs: 1, latencyCount: 1, vmFailures: new Map() };
    for (const id of ["a", "b"]) world.fleet.report(id, { ...health, at: world.clock.now() });
  },
  "past its deadline, with nothing to go back to": (world) => {
    world.fleet.deaf("a", true);
    world.source.apply("f", specOf(IMAGE, { rollout: { progressDeadline: "2s", autoRollback: false } }));
  },
  "waiting for a proxy that does not answer": (world) => {
    world.fleet.deaf("a", true);
    world.source.apply("f", specOf(IMAGE));
  },
};

/** Turns that a filter may take in a minute though nothing happens: rollouts under way are watched. */
const mayLook: Readonly<Record<string, number>> = {
  "paused at its first wave": 2,
  "past its deadline, with nothing to go back to": 2,
  "paused, with proxies that report": 60,
  // Until its deadline, four times a second.
  "waiting for a proxy that does not answer": 4 * 60,
};

describe("a filter with nothing to do", () => {
  for (const [state, reach] of Object.entries(states)) {
    test(`writes nothing and keeps nobody busy: ${state}`, async (t) => {
      const world = createWorld();
      world.registry.push(IMAGE, "v1");
      await world.start();
      for (const id of ["a", "b"]) world.fleet.connect(id);
      await reach(world);
      // What may mend by itself counts as lasting from then on.
      await world.run(61_000);
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
      t.diagnostic(`${looks} looks at two proxies in a minute`);
      const turns = mayLook[state] ?? 0;
      // A turn looks at each of them, and every 30 s counts them again.
      assert.ok(looks <= 2 * (turns + 2), `${looks} looks at two proxies in a minute`);
    });
  }
});

describe("a rollout that is paused, and watched no more than that", () => {
  const faults: Readonly<Record<string, (world: World, canary: string) => void>> = {
    "its proxy vanishes": ({ fleet }, canary) => fleet.disconnect(canary),
    "its VM fails": ({ fleet, clock }, canary) => {
      const failed = { requests: 1, errors5xx: 0, latencySumMs: 1, latencyCount: 1, vmFailures: new Map([["default/f", 3]]) };
      fleet.report(canary, { ...failed, at: clock.now() });
    },
  };
  for (const [fault, happens] of Object.entries(faults)) {
    test(`is taken back when ${fault}`, async () => {
      const world = createWorld();
      world.registry.push(IMAGE, "v1");
      await world.start();
      for (const id of ["a", "b"]) world.fleet.connect(id);
      await states["paused, with proxies that report"]?.(world);
      await world.run(20_000);
      const canary = ["a", "b"].find((id) => world.fleet.running(id)[0]?.revision === 2);
      assert.ok(canary !== undefined);
      happens(world, canary);
      await world.clock.advance(6_000);
      await world.run(300);
      const [first] = world.source.events.filter(({ event }) => event.type === "Warning");
      assert.equal(first?.event.reason, "RolledBack");
    });
  }
});
