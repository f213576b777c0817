import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "../model/testing/fake-clock.ts";
import { createWorld, specOf, type World } from "./testing/world.ts";

const IMAGE = "registry.example/filters/add-header:1";
const OWN = "namespace-0";
const IN_NAMESPACE = 10;

/** What one filter's change led to, in calls of the fleet: a measure that no busy machine changes. */
interface Work {
  /** Looks at a proxy. */
  readonly looks: number;
  readonly assigned: readonly string[];
}

function proxiesOf(namespaces: number): string[] {
  return Array.from({ length: namespaces * IN_NAMESPACE }, (_, n) => `proxy-${Math.floor(n / IN_NAMESPACE)}-${n % IN_NAMESPACE}`);
}

/** Ten proxies and two filters to a namespace; those of the first namespace concern every proxy. */
async function startScene(namespaces: number): Promise<World> {
  const world = createWorld(OWN);
  world.registry.push(IMAGE, "v1");
  await world.start();
  for (const id of proxiesOf(namespaces)) world.fleet.connect(id, { namespace: `namespace-${id.split("-")[1]}` });
  for (let n = 0; n < namespaces; n++) {
    for (const name of ["a", "b"]) world.source.apply(name, specOf(IMAGE), { namespace: `namespace-${n}` });
  }
  for (let i = 0; i < 3; i++) await world.run(10_000);
  return world;
}

/** Changes a filter; its proxies acknowledge one after the other, each in a turn of its own. */
async function change(world: World, namespace: string, ids: readonly string[]): Promise<Work> {
  const { fleet } = world;
  const { proxy, assign } = fleet;
  const assigned: string[] = [];
  let looks = 0;
  fleet.proxy = (id) => {
    looks++;
    return proxy(id);
  };
  fleet.assign = (id, slots) => {
    assigned.push(id);
    assign(id, slots);
  };
  world.source.apply("a", specOf(IMAGE, { config: { changed: true } }), { namespace });
  await settle();
  await settle();
  for (const id of ids) {
    fleet.answer(id);
    await new Promise((done) => setImmediate(done));
  }
  for (let i = 0; i < 3; i++) await world.run(1_000);
  Object.assign(fleet, { proxy, assign });
  assert.equal(world.source.statusOf("a", namespace)?.proxies?.updated, ids.length);
  assert.equal(world.source.statusOf("a", namespace)?.rollout?.state, "Succeeded");
  return { looks, assigned };
}

test("what a filter's change costs follows its own proxies, however many others share them with filters of the whole fleet", async () => {
  const concerned = proxiesOf(2).slice(IN_NAMESPACE);
  const small = await change(await startScene(4), "namespace-1", concerned);
  const large = await change(await startScene(40), "namespace-1", concerned);
  assert.deepEqual(
    [...new Set(large.assigned)].sort(),
    concerned.map((id) => `namespace-1/${id}`).sort(),
    "a proxy that is not concerned was assigned anew",
  );
  assert.ok(large.looks <= small.looks, `${large.looks} looks at proxies in a fleet of 400, ${small.looks} in one of 40`);
});

test("acknowledgements that trickle in are counted a few times, not each time over the whole fleet", async () => {
  const [few, many] = [10, 40];
  const work = [];
  for (const namespaces of [few, many]) work.push(await change(await startScene(namespaces), OWN, proxiesOf(namespaces)));
  const [small = { looks: 0, assigned: [] }, large = { looks: 0, assigned: [] }] = work;
  const growth = many / few;
  assert.ok(large.looks <= small.looks * growth * 1.1, `${large.looks} looks for 400 proxies, ${small.looks} for 100`);
  assert.ok(large.assigned.length <= small.assigned.length * growth, `${large.assigned.length} assignments, ${small.assigned.length}`);
});

test("proxies that are due the same are given the very same object", async () => {
  const world = await startScene(3);
  const given = new Map<string, Set<unknown>>();
  const { assign } = world.fleet;
  world.fleet.assign = (id, slots) => {
    const namespace = id.split("-")[1] ?? "";
    given.set(namespace, (given.get(namespace) ?? new Set()).add(slots.get("default")));
    assign(id, slots);
  };
  world.source.apply("c", specOf(IMAGE), { namespace: OWN });
  await world.run();
  for (const [namespace, chains] of given)
    assert.equal(chains.size, 2, `chains of namespace ${namespace}: the one before, and the new one`);
});
