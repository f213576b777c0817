import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { UNREAD_POLICIES } from "./source/policies.ts";
import { policiesOf } from "./testing/policies.ts";
import { BASE, NOT_ALLOWED, OURS, startedWorld, THEIRS } from "./testing/policy-world.ts";
import { specOf } from "./testing/world.ts";

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
