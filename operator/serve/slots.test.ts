import assert from "node:assert/strict";
import { test } from "node:test";
import { findCondition } from "../../model/condition.ts";
import type { ChainEntry } from "../../model/delivery.ts";
import type { Revision } from "../../model/revision.ts";
import { DEFAULT_SETTINGS } from "../../model/settings.ts";
import { idle } from "../rollout/state.ts";
import { createWorld, line, specOf } from "../testing/world.ts";
import type { ServedFilter } from "./place.ts";
import { slotsDue } from "./slots.ts";

const IMAGE = "registry.example/filters/add-header:1";
const KEY = { namespace: "shop", name: "f" };

function served(known: readonly number[], change: Partial<ServedFilter> = {}): ServedFilter {
  const revisions = known.map((number) => ({ number, hash: `h${number}`, settings: { slot: "auth", priority: 0 } }) as Revision);
  const deliverable = new Map(revisions.map(({ number, settings }) => [number, { filter: KEY, revision: number, settings } as ChainEntry]));
  const rollout = { ...idle, phase: "Succeeded", target: 2, stable: 2 } as const;
  return { id: "shop/f", key: KEY, revisions, rollout, deliverable, isHeld: false, slot: undefined, demand: undefined, ...change };
}
const due = (filter: ServedFilter) =>
  Array.from(
    slotsDue("shop/web-1", [filter], line, { withholds: () => false, defers: () => false, takesChains: () => true }),
    ([slot, chain]) => [slot, chain === "hold" ? chain : chain.map(({ revision }) => revision)],
  );

test("a slot whose revision is not known is held, wherever it may be", () => {
  assert.deepEqual(due(served([1, 2])), [["auth", [2]]]);
  assert.deepEqual(due(served([1])), [["auth", "hold"]]);
  assert.deepEqual(due(served([])), [["default", "hold"]]);
  assert.deepEqual(due(served([], { slot: "auth" })), [["auth", "hold"]]);
  assert.deepEqual(due(served([1, 2], { isHeld: true })), [["auth", "hold"]]);
  assert.deepEqual(due(served([1], { rollout: idle })), []);
});

test("a slot that is held goes on where a filter that must be there is due: that one is not held off by another", () => {
  const lost = served([2], { deliverable: new Map() });
  const closed = (ready: readonly number[]): ServedFilter => {
    const settings = { ...DEFAULT_SETTINGS, slot: "auth", priority: 3 };
    const key = { namespace: "shop", name: "g" };
    const other = served(ready, { id: "shop/g", key });
    const deliverable = new Map([...other.deliverable].map(([number, entry]) => [number, { ...entry, filter: key }]));
    return { ...other, deliverable, demand: { settings, fromTheStart: true }, ...(ready.length === 0 ? { rollout: idle } : {}) };
  };
  const stands = (filters: ServedFilter[]) => {
    const chain = slotsDue("shop/web-1", filters, line, { withholds: () => false, defers: () => false, takesChains: () => true }).get(
      "auth",
    );
    return chain === "hold" ? chain : chain?.map(({ filter, placeholder }) => `${filter.name} ${placeholder ?? "itself"}`);
  };
  assert.equal(stands([lost]), "hold");
  assert.deepEqual(stands([lost, closed([])]), ["g yields", "f passes"]);
  assert.deepEqual(stands([lost, closed([1, 2])]), ["f passes", "g itself"]);
  assert.equal(stands([{ ...lost, isHeld: true }, closed([])]), "hold", "what holds it is not known");
});

test("a filter that the proxy rejects is left out beside one that must be there, and nowhere else", () => {
  const settings = { ...DEFAULT_SETTINGS, slot: "auth" };
  const rejected = served([1, 2], { deliverable: new Map([[2, { filter: KEY, revision: 2, hash: "h2", settings } as ChainEntry]]) });
  const closed: ServedFilter = {
    ...served([]),
    ...{ id: "shop/g", key: { namespace: "shop", name: "g" }, rollout: idle, demand: { settings, fromTheStart: true } },
  };
  const withholds = (_: string, id: string, hash: string) => id === "shop/f" && hash === "h2";
  const stands = (filters: ServedFilter[]) => {
    const chain = slotsDue("shop/web-1", filters, line, { withholds, defers: () => false, takesChains: () => true }).get("auth");
    return chain === "hold" ? chain : chain?.map(({ filter, placeholder }) => `${filter.name} ${placeholder ?? "itself"}`);
  };
  assert.deepEqual(stands([rejected]), ["f itself"]);
  assert.deepEqual(stands([rejected, closed]), ["f passes", "g yields"]);
});

test("a filter whose selector cannot be read any more is neither widened nor taken away, over a restart too", async () => {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  await world.start();
  world.fleet.connect("web-1", { labels: { app: "web" } });
  world.fleet.connect("db-1", { labels: { app: "db" } });
  const selector = { matchLabels: { app: "web" } };
  world.source.apply("f", specOf(IMAGE, { selector }));
  await world.run();
  await world.run();
  const running = () => ["web-1", "db-1"].map((id) => world.fleet.running(id).length);
  assert.deepEqual(running(), [1, 0]);
  for (const wrong of [{ matchLabels: { app: 7 } }, "app=web", { matchExpressions: [{ key: "app", operator: "Gt" }] }]) {
    world.source.apply("f", specOf(IMAGE, { selector: wrong as never }));
    await world.run();
    assert.deepEqual(running(), [1, 0], JSON.stringify(wrong));
    await world.restart();
    await world.run();
    assert.deepEqual(running(), [1, 0], `${JSON.stringify(wrong)}, after a restart`);
    assert.equal(findCondition(world.source.statusOf("f"), "Accepted")?.status, "False");
  }
  world.source.apply("f", specOf(IMAGE, { selector: { matchLabels: { app: "db" } } }));
  await world.run();
  await world.run();
  assert.deepEqual(running(), [0, 1]);
});

test("proxies that ask before a filter's revisions were read keep what they have", async () => {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  await world.start();
  world.fleet.connect("web-1");
  world.source.apply("f", specOf(IMAGE));
  await world.run();
  await world.run();
  assert.equal(world.fleet.running("web-1").length, 1);
  const read = world.source.revisions;
  const gate = Promise.withResolvers<void>();
  Object.assign(world.source, { revisions: async (...args: Parameters<typeof read>) => gate.promise.then(() => read(...args)) });
  const restarted = world.restart();
  await world.clock.advance(20_000);
  await restarted;
  await world.run();
  assert.equal(world.fleet.running("web-1").length, 1, "it was taken off the path");
  gate.resolve();
  await world.run();
  assert.equal(world.fleet.running("web-1").length, 1);
});
