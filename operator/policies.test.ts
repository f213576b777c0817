import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ConditionType, findCondition } from "../model/condition.ts";
import { failForNow, ok } from "../model/result.ts";
import { NO_POLICIES, UNREAD_POLICIES } from "./source/policies.ts";
import { policiesOf } from "./testing/policies.ts";
import { createWorld, specOf, type World } from "./testing/world.ts";

const OURS = "registry.example/filters/f:1";
const NEXT = "registry.example/filters/f:2";
const THEIRS = "registry.other/f:1";
const BASE = { images: [{ pattern: "registry.example/filters/*" }] };
const NOT_ALLOWED =
  "spec.image: registry.other/f is not allowed; take the image from one of registry.example/filters/* (WasmPolicy base, rule images)";

async function startedWorld(policies = NO_POLICIES): Promise<World> {
  const world = createWorld();
  for (const [image, text] of [
    [OURS, "v1"],
    [NEXT, "v2"],
    [THEIRS, "v3"],
  ] as const)
    world.registry.push(image, text);
  world.source.setPolicies(policies);
  await world.start();
  await world.clock.advance(10_000);
  for (const id of ["a", "b"]) world.fleet.connect(id);
  return world;
}

function condition(world: World, type: ConditionType, name = "f") {
  const found = findCondition(world.source.statusOf(name), type);
  return found === undefined ? undefined : [found.status, found.reason, found.message].join(" | ");
}

const runs = (world: World, id = "a") => world.fleet.running(id).map(({ filter, revision }) => `${filter.name}@${revision}`);
const events = (world: World) =>
  world.source.events.filter(({ event }) => event.type === "Warning").map(({ event }) => `${event.reason}: ${event.message}`);

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

describe("the status of a policy", () => {
  test("is told as of now, before anything is written, and while policies are not known that is told", async () => {
    const world = await startedWorld(policiesOf({ signed: { urls: "Deny" }, base: BASE }));
    world.source.apply("f", specOf(THEIRS));
    await world.run(1);
    const told = world.operator.policies.current();
    assert.ok(told.ok);
    assert.deepEqual(
      told.value.map(({ metadata, status }) => [metadata.name, status?.filters, status?.violating, status?.violations]),
      [
        ["base", 1, 1, [{ namespace: "default", name: "f", message: NOT_ALLOWED }]],
        ["signed", 1, 0, undefined],
      ],
    );
    world.source.setPolicies(UNREAD_POLICIES);
    const unknown = world.operator.policies.current();
    assert.equal(unknown.ok ? undefined : unknown.error.reason, "PoliciesUnknown");
  });

  test("counts the filters that it is for, and names those that violate it", async () => {
    const world = await startedWorld();
    const names = Array.from({ length: 12 }, (_, index) => `f${String(index).padStart(2, "0")}`);
    for (const name of names) world.source.apply(name, specOf(THEIRS), { namespace: "shop" });
    world.source.apply("good", specOf(OURS), { namespace: "shop" });
    world.source.apply("elsewhere", specOf(THEIRS));
    await world.run(1_000);
    const namespaceSelector = { matchLabels: { "kubernetes.io/metadata.name": "shop" } };
    world.source.setPolicies(policiesOf({ base: { ...BASE, mode: "Audit", namespaceSelector }, wrong: { slots: [] as string[] } }));
    await world.run(5_000);
    const conditions = () =>
      world.source.policyStatuses
        .get("base")
        ?.conditions?.map(({ type, status, reason, message }) => [type, status, reason, message].join(" "));
    assert.equal(conditions()?.[1], "Satisfied Unknown NotJudged 13 of 13 filters are not judged yet; their conditions say why");
    world.source.setPolicies(policiesOf({ base: { ...BASE, mode: "Audit", namespaceSelector } }));
    await world.run(5_000);
    const status = world.source.policyStatuses.get("base");
    assert.deepEqual([status?.filters, status?.violating, status?.observedGeneration], [13, 12, 1]);
    assert.deepEqual(
      status?.violations?.map(({ name }) => name),
      names.slice(0, 10),
    );
    assert.equal(status?.violations?.[0]?.message, NOT_ALLOWED.replace("rule images", "rule images, audited"));
    assert.deepEqual(conditions(), ["Accepted True Accepted the policy is valid", "Satisfied False Violated 12 of 13 filters violate it"]);
    for (const name of names) world.source.remove(name, "shop");
    await world.run(5_000);
    assert.equal(conditions()?.[1], "Satisfied True Satisfied 1 filter, and none violates it");
  });

  test("says why it cannot be read", async () => {
    const world = await startedWorld(policiesOf({ wrong: { maxModuleSize: "big" } }));
    await world.run(5_000);
    world.source.apply("f", specOf(OURS));
    await world.run(5_000);
    const [accepted, ...others] = world.source.policyStatuses.get("wrong")?.conditions ?? [];
    assert.deepEqual(others, []);
    assert.equal(
      [accepted?.status, accepted?.reason, accepted?.message].join(" "),
      "False InvalidSpec spec.maxModuleSize: not a number of bytes; write it like 500000, 512Ki or 2Mi; nothing new goes out in the namespaces that it is for",
    );
  });
});

test("a policy demands signatures beside those of the spec, of the images that match", async () => {
  const publicKey = "-----BEGIN PUBLIC KEY-----\nalice\n-----END PUBLIC KEY-----\n";
  const images = [{ pattern: "registry.example/**", verify: [{ cosign: { publicKey } }] }, { pattern: "**" }];
  const world = await startedWorld(policiesOf({ signed: { images } }));
  world.source.apply("f", specOf(OURS));
  world.source.apply("g", specOf(THEIRS));
  await world.run(1_000);
  assert.deepEqual(runs(world), ["g@1"]);
  assert.match(
    condition(world, "Verified") ?? "",
    /^False \| SignatureNotFound \| WasmPolicy signed, images\[0\]\.verify\[0\]: registry\.example\/filters\/f:1 is not signed/,
  );
  assert.equal(condition(world, "Ready"), condition(world, "Verified"));
  world.verifier.sign(world.registry.push(OURS, "v1"), publicKey);
  world.source.apply("f", specOf(OURS, { config: "x" }));
  await world.run(1_000);
  assert.deepEqual(runs(world), ["f@1", "g@1"]);
  assert.match(condition(world, "Verified") ?? "", /^True \| Verified \|/);
});

describe("a key of a policy in Weir's own namespace", () => {
  const [alice, bob] = ["alice", "bob"].map((name) => `-----BEGIN PUBLIC KEY-----\n${name}\n-----END PUBLIC KEY-----\n`) as [
    string,
    string,
  ];
  const images = [{ pattern: "registry.example/**", verify: [{ cosign: { publicKeySecret: { name: "keys", key: "cosign.pub" } } }] }];

  test("is read there alone: a Secret of that name in the filter's namespace counts for nothing", async () => {
    const world = await startedWorld(policiesOf({ signed: { images } }));
    world.source.setSecret("keys", { "cosign.pub": bob }, "default");
    world.verifier.sign(world.registry.push(OURS, "v1"), bob);
    world.source.apply("f", specOf(OURS));
    await world.run(1_000);
    assert.deepEqual(runs(world), []);
    assert.match(
      condition(world, "Verified") ?? "",
      /^False \| SecretNotFound \| WasmPolicy signed, images\[0\]\.verify\[0\]: .*weir-system\/keys/,
    );
    world.source.setSecret("keys", { "cosign.pub": bob }, "weir-system");
    await world.run(1_000);
    assert.deepEqual(runs(world), ["f@1"]);
  });

  test("is followed: when it changes, what runs is judged again, and goes back to good when it does", async () => {
    const world = await startedWorld(policiesOf({ signed: { images } }));
    world.source.setSecret("keys", { "cosign.pub": alice }, "weir-system");
    world.verifier.sign(world.registry.push(OURS, "v1"), alice);
    world.source.apply("f", specOf(OURS));
    await world.run(1_000);
    assert.deepEqual(runs(world), ["f@1"]);
    world.source.setSecret("keys", { "cosign.pub": bob }, "weir-system");
    await world.run(1_000);
    assert.match(condition(world, "Verified") ?? "", /^False \| Signature/);
    assert.deepEqual(runs(world), ["f@1"]);
    world.source.setSecret("keys", { "cosign.pub": alice }, "weir-system");
    await world.run(1_000);
    assert.match(condition(world, "Verified") ?? "", /^True \|/);
  });

  test("of one that is only audited is followed too", async () => {
    const world = await startedWorld(policiesOf({ signed: { images, mode: "Audit" } }));
    world.source.setSecret("keys", { "cosign.pub": alice }, "weir-system");
    world.verifier.sign(world.registry.push(OURS, "v1"), alice);
    world.source.apply("f", specOf(OURS));
    await world.run(3_000);
    assert.match(condition(world, "Permitted") ?? "", /^True \| Permitted/);
    world.source.setSecret("keys", { "cosign.pub": bob }, "weir-system");
    await world.run(3_000);
    assert.match(condition(world, "Permitted") ?? "", /^True \| AuditedViolation/);
  });

  test("cannot be brought by who asks for a plan", async () => {
    const world = await startedWorld(policiesOf({ signed: { images } }));
    world.source.setSecret("keys", { "cosign.pub": alice }, "weir-system");
    world.verifier.sign(world.registry.push(OURS, "v1"), bob);
    const object = {
      apiVersion: "weir.dev/v1alpha1",
      kind: "WasmFilter",
      metadata: { name: "f", namespace: "default" },
      spec: specOf(OURS),
    };
    const keys = (namespace: string) => ({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "keys", namespace },
      stringData: { "cosign.pub": bob },
    });
    const applicant = { id: "a", mayApply: async () => ok(undefined) };
    const objects = [object, keys("weir-system"), keys("default")];
    const planned = await world.planner.plan({ objects, applicant, signal: new AbortController().signal });
    assert.ok(planned.ok);
    assert.equal(planned.value.filters[0]?.refusal?.condition, "Verified");
  });
});

describe("signatures that a policy asks for which is only audited", () => {
  const publicKey = "-----BEGIN PUBLIC KEY-----\nalice\n-----END PUBLIC KEY-----\n";
  const images = [{ pattern: "registry.example/**", verify: [{ cosign: { publicKey } }] }];
  const policy = (mode: "Audit" | "Enforce") => policiesOf({ signed: { images, mode } });
  const UNSIGNED =
    "spec.image: images[0].verify[0]: registry.example/filters/f:1 is not signed (WasmPolicy signed, rule images.verify, audited)";

  test("are told by the condition, an Event and the policy's status, and hold nothing up", async () => {
    const world = await startedWorld(policy("Audit"));
    world.source.apply("f", specOf(OURS));
    await world.run(3_000);
    assert.deepEqual(runs(world), ["f@1"]);
    assert.equal(condition(world, "Permitted"), `True | AuditedViolation | ${UNSIGNED}`);
    assert.equal(condition(world, "Verified"), undefined);
    assert.match(condition(world, "Ready") ?? "", /^True/);
    assert.deepEqual(events(world), [`AuditedViolation: ${UNSIGNED}`]);
    const status = world.source.policyStatuses.get("signed");
    assert.deepEqual([status?.violating, status?.violations?.[0]?.message], [1, UNSIGNED]);
    world.verifier.sign(world.registry.push(OURS, "v1"), publicKey);
    await world.run(70_000);
    await world.run(3_000);
    assert.equal(condition(world, "Permitted"), "True | Permitted | holds to 1 policy: signed");
    assert.equal(world.source.policyStatuses.get("signed")?.violating, 0);
  });

  test("are told while the registry cannot be read, too", async () => {
    const world = await startedWorld(policy("Audit"));
    world.verifier.down = true;
    world.source.apply("f", specOf(OURS));
    await world.run(3_000);
    assert.deepEqual(runs(world), ["f@1"]);
    assert.match(condition(world, "Permitted") ?? "", /^True \| AuditedViolation \| .* the signatures of \S+ cannot be read/);
  });

  test("hold a filter up for ten seconds at most, and are told then as not judged", async () => {
    const world = await startedWorld(policy("Audit"));
    world.verifier.verify = (_image, _digest, _requirements, { audit }) =>
      new Promise((resolve) => audit?.signal.addEventListener("abort", () => resolve(failForNow("Canceled", "canceled"))));
    world.source.apply("f", specOf(OURS));
    await world.run(9_000);
    assert.deepEqual(runs(world), []);
    await world.run(3_000);
    assert.deepEqual(runs(world), ["f@1"]);
    const late = "images[0].verify[0]: the signatures could not be judged within 10 s";
    assert.ok(condition(world, "Permitted")?.includes(late), condition(world, "Permitted"));
  });

  test("are looked at together with those that are demanded", async () => {
    const demanded = "-----BEGIN PUBLIC KEY-----\nbob\n-----END PUBLIC KEY-----\n";
    const enforced = { images: [{ pattern: "registry.example/**", verify: [{ cosign: { publicKey: demanded } }] }] };
    const world = await startedWorld(policiesOf({ enforced, signed: { images, mode: "Audit" } }));
    world.verifier.sign(world.registry.push(OURS, "v1"), demanded);
    world.source.apply("f", specOf(OURS));
    await world.run(3_000);
    assert.deepEqual([runs(world), world.verifier.asked], [["f@1"], 1]);
    assert.match(condition(world, "Verified") ?? "", /^True \| Verified \|/);
    assert.equal(condition(world, "Permitted"), `True | AuditedViolation | ${UNSIGNED}`);
  });

  test("are kept where they hold: when the policy is enforced, no registry is asked", async () => {
    const world = await startedWorld(policy("Audit"));
    world.verifier.sign(world.registry.push(OURS, "v1"), publicKey);
    world.source.apply("f", specOf(OURS));
    await world.run(3_000);
    assert.equal(condition(world, "Permitted"), "True | Permitted | holds to 1 policy: signed");
    const { asked } = world.verifier;
    world.verifier.down = true;
    world.source.setPolicies(policy("Enforce"));
    await world.run(3_000);
    assert.match(condition(world, "Verified") ?? "", /^True \| Verified \|/);
    assert.deepEqual([world.verifier.asked, runs(world)], [asked, ["f@1"]]);
  });
});
