import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { NO_POLICIES, UNREAD_POLICIES } from "./source/policies.ts";
import { policiesOf } from "./testing/policies.ts";
import { BASE, condition, events, NEXT, NOT_ALLOWED, OURS, runs, startedWorld, THEIRS } from "./testing/policy-world.ts";
import { specOf, type World } from "./testing/world.ts";

describe("a policy that is enforced", () => {
  test("keeps from going out what violates it, which is not even fetched, and says by which rule", async () => {
    const world = await startedWorld(policiesOf({ base: BASE }));
    world.source.apply("f", specOf(THEIRS));
    await world.run(1_000);
    assert.deepEqual([runs(world), world.registry.pulls], [[], 0]);
    assert.equal(condition(world, "Permitted"), `False | PolicyViolation | ${NOT_ALLOWED}`);
    assert.equal(condition(world, "Ready"), condition(world, "Permitted"));
    assert.deepEqual(events(world), [`PolicyViolation: ${NOT_ALLOWED}`]);
    world.source.apply("f", specOf(OURS));
    await world.run(1_000);
    assert.deepEqual(runs(world), ["f@1"]);
    assert.equal(condition(world, "Permitted"), "True | Permitted | holds to 1 policy: base");
  });

  test("takes nothing off that runs: its condition and an Event tell, the next change waits, and goes out once it holds", async () => {
    const world = await startedWorld();
    world.source.apply("f", specOf(THEIRS));
    await world.run(1_000);
    assert.deepEqual([runs(world), condition(world, "Permitted")], [["f@1"], undefined]);
    world.source.setPolicies(policiesOf({ base: BASE }));
    await world.run(1_000);
    assert.deepEqual(runs(world), ["f@1"]);
    assert.equal(condition(world, "Permitted"), `False | PolicyViolation | ${NOT_ALLOWED}; revision 1 keeps serving`);
    assert.deepEqual(events(world), [`PolicyViolation: ${NOT_ALLOWED}`]);
    world.source.apply("f", specOf(THEIRS, { config: "x" }));
    await world.run(1_000);
    assert.deepEqual(runs(world), ["f@1"]);
    await world.restart();
    for (const id of ["a", "b"]) world.fleet.connect(id);
    await world.run(20_000);
    assert.deepEqual(runs(world), ["f@1"]);
    world.source.setPolicies(NO_POLICIES);
    await world.run(1_000);
    assert.deepEqual([runs(world), condition(world, "Permitted")], [["f@2"], undefined]);
  });

  test("holds a rollout that is under way at its wave", async () => {
    const world = await startedWorld();
    world.source.apply("f", specOf(OURS));
    await world.run(1_000);
    const steps = [{ percent: 50, hold: "20s" }, { percent: 100 }];
    world.source.apply("f", specOf(THEIRS, { rollout: { steps } }));
    await world.run(1_000);
    const wave = [runs(world), runs(world, "b")];
    assert.deepEqual(wave.flat().sort(), ["f@1", "f@2"]);
    world.source.setPolicies(policiesOf({ base: BASE }));
    for (let i = 0; i < 10; i++) await world.run(10_000);
    assert.deepEqual([runs(world), runs(world, "b")], wave);
    world.source.setPolicies(policiesOf({ base: { slots: ["default"] } }));
    for (let i = 0; i < 10; i++) await world.run(10_000);
    assert.deepEqual([...runs(world), ...runs(world, "b")], ["f@2", "f@2"]);
  });

  test("is for the namespaces that it selects, whose own name nobody can take", async () => {
    const labels = { shop: { team: "a", "kubernetes.io/metadata.name": "exempt" }, default: { team: "b" } };
    const namespaceSelector = {
      matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "NotIn" as const, values: ["exempt"] }],
    };
    const world = await startedWorld(policiesOf({ base: { ...BASE, namespaceSelector } }, labels));
    world.source.apply("f", specOf(THEIRS), { namespace: "shop" });
    await world.run(1_000);
    assert.equal(world.source.statusOf("f", "shop")?.revision, undefined);
    world.source.setPolicies(policiesOf({ base: { ...BASE, namespaceSelector: { matchLabels: { team: "b" } } } }, labels));
    await world.run(1_000);
    assert.equal(world.source.statusOf("f", "shop")?.revision, 1);
  });

  test("judges the module by its size and by what it imports", async () => {
    const world = await startedWorld(policiesOf({ small: { maxModuleSize: "1" }, quiet: { capabilities: { deny: ["proxy_log"] } } }));
    world.source.apply("f", specOf(OURS));
    await world.run(1_000);
    assert.equal(
      condition(world, "Permitted"),
      "False | PolicyViolation | spec.image: the module has 2 bytes, more than 1; make it smaller (WasmPolicy small, rule maxModuleSize)",
    );
    assert.equal(world.validations, 0);
    world.source.setPolicies(policiesOf({ quiet: { capabilities: { deny: ["proxy_log"] } } }));
    await world.run(1_000);
    assert.equal(
      condition(world, "Permitted"),
      "False | PolicyViolation | spec.image: the module imports proxy_log: denied; build it without, or keep it from the module by spec.capabilities.allow (WasmPolicy quiet, rule capabilities.deny)",
    );
    assert.deepEqual([runs(world), world.source.statusOf("f")?.history], [[], []]);
    world.source.apply("f", specOf(OURS, { capabilities: { allow: ["proxy_get_property"] } }));
    await world.run(1_000);
    assert.deepEqual(runs(world), ["f@1"]);
  });
});

test("a policy that is only audited lets everything out, and tells of it once for each change", async () => {
  const world = await startedWorld(policiesOf({ base: { ...BASE, mode: "Audit" } }));
  world.source.apply("f", specOf(THEIRS));
  await world.run(1_000);
  world.source.apply("f", specOf(THEIRS, { config: "x" }));
  await world.run(1_000);
  assert.deepEqual(runs(world), ["f@2"]);
  const told = NOT_ALLOWED.replace("rule images", "rule images, audited");
  assert.equal(condition(world, "Permitted"), `True | AuditedViolation | ${told}`);
  assert.equal(condition(world, "Ready")?.split(" | ")[0], "True");
  world.source.setPolicies(policiesOf({ base: { ...BASE, mode: "Audit" } }));
  await world.run(1_000);
  assert.deepEqual(events(world), [`AuditedViolation: ${told}`, `AuditedViolation: ${told}`]);
});

describe("while it is not known what is allowed", () => {
  test("nothing new goes out, and what runs goes on", async () => {
    const world = await startedWorld();
    world.source.apply("f", specOf(OURS));
    await world.run(1_000);
    world.source.setPolicies(UNREAD_POLICIES);
    world.source.apply("f", specOf(NEXT));
    world.source.apply("g", specOf(OURS));
    await world.run(5_000);
    assert.deepEqual(runs(world), ["f@1"]);
    const why = "the WasmPolicies are still being read; nothing new goes out before it is known what is allowed; tried again with backoff";
    assert.equal(condition(world, "Permitted", "g"), `False | PoliciesUnknown | ${why}`);
    await world.restart();
    for (const id of ["a", "b"]) world.fleet.connect(id);
    await world.run(5_000);
    assert.deepEqual(runs(world), ["f@1"]);
    world.source.setPolicies(NO_POLICIES);
    await world.run(1_000);
    assert.deepEqual(runs(world), ["f@2", "g@1"]);
  });

  test("a policy that cannot be read holds the namespaces that it is for, or all where that cannot be read", async () => {
    for (const [namespaceSelector, isHeld] of [
      [{ matchLabels: { team: "a" } }, true],
      [{ matchLabels: { team: "b" } }, false],
      ["nonsense" as unknown as object, true],
    ] as const) {
      const world = await startedWorld(
        policiesOf({ base: { mode: "Nonsense" as "Audit", namespaceSelector } }, { default: { team: "a" } }),
      );
      world.source.apply("f", specOf(OURS));
      await world.run(1_000);
      assert.deepEqual(runs(world), isHeld ? [] : ["f@1"]);
      if (isHeld) assert.match(condition(world, "Permitted") ?? "", /^False \| PoliciesUnknown \| WasmPolicy base cannot be read: spec/);
    }
  });
});

test("that other namespaces change sends nobody to a registry that failed", async () => {
  const base = policiesOf({ base: BASE });
  const world = await startedWorld(base);
  const { resolve } = world.registry;
  let asked = 0;
  world.registry.resolve = (image, pin, options) => {
    asked += 1;
    return resolve(image, pin, options);
  };
  world.source.apply("f", specOf("registry.example/filters/none:1", { pullSecrets: [{ name: "regcred" }] }));
  world.source.setSecret("regcred", { ".dockerconfigjson": "{}" });
  await world.run(120_000);
  const before = asked;
  for (let times = 0; times < 20; times++) {
    world.source.setPolicies({ ...base });
    await world.run(0);
  }
  assert.deepEqual([before > 0, asked - before], [true, 0]);
});

describe("the most filters in a slot", () => {
  const two = policiesOf({ two: { maxFiltersPerSlot: 2 } });
  const places = (world: World) => runs(world).map((each) => each.replace(/@.*/, ""));

  test("are the oldest of those that are new, in whatever order they are seen", async () => {
    for (const order of [
      ["a", "b", "c"],
      ["c", "b", "a"],
      ["b", "c", "a"],
    ]) {
      const world = await startedWorld(two);
      const created = { a: "2026-01-01T00:00:02Z", b: "2026-01-01T00:00:01Z", c: "2026-01-01T00:00:02Z" };
      for (const name of order) world.source.apply(name, specOf(OURS), { created: created[name as "a"] });
      await world.run(1_000);
      assert.deepEqual(places(world), ["a", "b"], order.join());
      assert.match(
        condition(world, "Permitted", "c") ?? "",
        /^False \| PolicyViolation \| spec.slot: slot default has 2 of at most 2 filters/,
      );
    }
  });

  test("keep their place whatever comes later, and give it up when they go", async () => {
    const world = await startedWorld(two);
    for (const name of ["b", "c"]) world.source.apply(name, specOf(OURS), { created: "2026-01-01T00:00:02Z" });
    world.source.apply("a", specOf(OURS, { slot: "other" }), { created: "2026-01-01T00:00:01Z" });
    await world.run(1_000);
    world.source.apply("a", specOf(OURS));
    await world.run(1_000);
    assert.deepEqual(places(world), ["b", "c"]);
    world.source.remove("b");
    await world.run(1_000);
    assert.deepEqual(places(world), ["a", "c"]);
    world.source.apply("b", specOf(OURS), { created: "2026-01-01T00:00:03Z" });
    await world.run(1_000);
    world.source.apply("c", specOf(OURS, { slot: "other" }));
    await world.run(2_000);
    assert.deepEqual(places(world), ["a", "b"]);
  });

  test("have no download begun anew whenever another of the namespace comes or goes", async () => {
    const world = await startedWorld(two);
    const { pull } = world.registry;
    const { promise, resolve: arrive } = Promise.withResolvers<void>();
    let begun = 0;
    world.registry.pull = async (image, digest, options) => {
      if (image === NEXT) {
        begun += 1;
        options.signal?.addEventListener("abort", () => arrive(), { once: true });
        await promise;
      }
      return pull(image, digest, options);
    };
    world.source.apply("late", specOf(NEXT));
    await world.run(1_000);
    world.source.apply("a", specOf(OURS));
    await world.run(1_000);
    world.source.remove("a");
    await world.run(1_000);
    assert.deepEqual([begun, places(world)], [1, []]);
    arrive();
    await world.run(2_000);
    assert.deepEqual(places(world), ["late"]);
  });

  test("that are more already when the policy comes stay, and change within it alone", async () => {
    const world = await startedWorld();
    for (const name of ["a", "b", "c"]) world.source.apply(name, specOf(OURS));
    await world.run(1_000);
    world.source.setPolicies(two);
    for (const name of ["a", "b", "c"]) world.source.apply(name, specOf(NEXT));
    await world.run(1_000);
    assert.deepEqual(runs(world), ["a@2", "b@2", "c@1"]);
  });
});
