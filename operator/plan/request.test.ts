import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Applicant } from "../../model/plan.ts";
import { fail, failForNow, ok } from "../../model/result.ts";
import { anybody, IMAGE, never, object, plan, planAll, running, secret, stateOf } from "../testing/planning.ts";
import { policiesOf } from "../testing/policies.ts";
import { specOf } from "../testing/world.ts";

describe("the request", () => {
  test("nothing is changed by any plan, and the verdict is not the operator's to keep in a status", async () => {
    const world = await running();
    const retained: number[] = [];
    world.registry.retain = () => void retained.push(1);
    const before = stateOf(world);
    await plan(world, object(specOf(`${IMAGE}:2`, { priority: 7 })));
    await plan(world, object(specOf(`${IMAGE}:junk`)));
    await plan(world, object(specOf(`${IMAGE}:2`), "new"));
    await world.run();
    assert.deepEqual(stateOf(world), before);
    assert.deepEqual(retained, []);
  });

  test("what is nested deeper or larger than an object may be is refused as the operator refuses it", async () => {
    const world = await running();
    const nest = (depth: number) => JSON.parse(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`);
    for (const config of [nest(50_000), "x".repeat(4_000_000)]) {
      const { action, refusal } = await plan(world, object(specOf(`${IMAGE}:1`, { config })));
      assert.deepEqual([action, refusal?.reason], ["refused", "InvalidSpec"]);
      assert.match(refusal?.message ?? "", /nested deeper|larger than/);
    }
    const deep = await planAll(world, { ...secret("s", {}), data: nest(50_000) });
    assert.match(deep.ok ? "" : deep.error.message, /Secret default\/s, which is nested deeper/);
  });

  test("who may not apply one of the filters gets nothing, and nobody is asked for an image", async () => {
    const world = await running();
    const asked: string[] = [];
    const applicant: Applicant = {
      id: "ci",
      async mayApply({ namespace, name }, exists) {
        asked.push(`${namespace}/${name} ${exists}`);
        return namespace === "default" ? ok(undefined) : fail("Forbidden", "no");
      },
    };
    const { pulls } = world.registry;
    const objects = [object(specOf(`${IMAGE}:2`)), object(specOf(`${IMAGE}:2`), "x", "other")];
    const found = await world.planner.plan({ objects, applicant, signal: never });
    assert.deepEqual([found.ok, found.ok || found.error.reason, world.registry.pulls - pulls], [false, "Forbidden", 0]);
    assert.deepEqual(asked, ["default/add-header true", "other/x false"]);
  });

  test("a policy and labels of the same request count for its filters, beside the policies that are there, and for no other request", async () => {
    const world = await running();
    world.source.setPolicies(policiesOf({ there: { urls: "Deny" }, other: { images: [{ pattern: "registry.other/*" }] } }));
    const rule = (name: string, spec: object) => ({ apiVersion: "weir.dev/v1alpha1", kind: "WasmPolicy", metadata: { name }, spec });
    const labels = { apiVersion: "v1", kind: "Namespace", metadata: { name: "default", labels: { team: "a" } } };
    const selective = rule("other", { namespaceSelector: { matchLabels: { team: "a" } }, slots: ["auth"] });
    const next = object(specOf(`${IMAGE}:2`));
    const refused = await plan(world, next);
    assert.match(refused.refusal?.message ?? "", /is not allowed; .* \(WasmPolicy other, rule images\)/);
    // The one of the request takes the place of the one with its name.
    const allowed = await plan(world, next, selective);
    assert.deepEqual([allowed.action, allowed.refusal], ["changed", undefined]);
    const selected = await plan(world, next, selective, labels);
    assert.match(selected.refusal?.message ?? "", /^spec\.slot: .* \(WasmPolicy other, rule slots\)$/);
    const unread = await plan(world, next, rule("other", { slots: [] }));
    assert.equal(unread.refusal?.reason, "PoliciesUnknown");
    assert.match((await plan(world, next)).refusal?.message ?? "", /rule images/);
  });

  test("who may not apply a policy or labels gets no plan by them, and nothing is fetched", async () => {
    const world = await running();
    world.source.setPolicies(policiesOf({ there: { images: [{ pattern: "registry.other/*" }] } }));
    const asked: string[] = [];
    const applicant: Applicant = {
      id: "ci",
      async mayApply({ kind, name }, exists) {
        asked.push(`${kind} ${name} ${exists}`);
        return kind === "WasmFilter" ? ok(undefined) : fail("Forbidden", "no");
      },
    };
    const { pulls } = world.registry;
    const objects = [
      object(specOf(`${IMAGE}:2`)),
      { apiVersion: "weir.dev/v1alpha1", kind: "WasmPolicy", metadata: { name: "there" }, spec: { urls: "Deny" } },
    ];
    const found = await world.planner.plan({ objects, applicant, signal: never });
    assert.deepEqual([found.ok || found.error.reason, world.registry.pulls - pulls], ["Forbidden", 0]);
    assert.deepEqual(asked, ["WasmFilter add-header true", "WasmPolicy there true"]);
    const labels = { apiVersion: "v1", kind: "Namespace", metadata: { name: "default", labels: {} } };
    const second = await world.planner.plan({ objects: [objects[0], labels], applicant, signal: never });
    assert.deepEqual([second.ok, asked.at(-1)], [false, "Namespace default true"]);
  });

  test("what is no request says which object and why", async () => {
    const world = await running();
    const wrong: [readonly unknown[], RegExp][] = [
      [[null], /an object 1 that is none/],
      [
        [object(specOf("a:1")), { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "d" } }],
        /object 2 that is no WasmFilter/,
      ],
      [[object(specOf("a:1"), "add-header", "")], /object 1 that has no metadata/],
      [[object(specOf("a:1"), "__proto__")], /object 1 that has no metadata/],
      [[{ ...object(specOf("a:1")), kind: "toString" }], /object 1 that is no/],
      [[object(specOf("a:1")), object(specOf("a:2"))], /WasmFilter default\/add-header twice/],
      [
        [{ apiVersion: "weir.dev/v1alpha1", kind: "WasmPolicy", metadata: { name: "A" } }],
        /object 1 that has no metadata\.name that can exist/,
      ],
      [Array.from({ length: 2 }, () => ({ apiVersion: "v1", kind: "Namespace", metadata: { name: "a" } })), /Namespace a twice/],
      [[{ ...secret("s", {}), data: { k: "hunter2!" } }], /Secret default\/s, whose data\.k is not base64/],
      [Array.from({ length: 201 }, (_, i) => object(specOf("a:1"), `f-${i}`)), /201 objects; at most 200/],
    ];
    for (const [objects, message] of wrong) {
      const found = await planAll(world, ...objects);
      assert.ok(!found.ok);
      assert.equal(found.error.reason, "BadRequest");
      assert.match(found.error.message, message);
      assert.doesNotMatch(found.error.message, /hunter/);
    }
  });

  test("one whom nobody waits for any more ends, and one that takes too long says so", async () => {
    const world = await running();
    world.registry.resolve = (_image, _pin, { signal }) =>
      new Promise((resolve) => signal?.addEventListener("abort", () => resolve(failForNow("Canceled", "canceled"))));
    const gone = new AbortController();
    const planning = world.planner.plan({ objects: [object(specOf(`${IMAGE}:2`))], applicant: anybody, signal: gone.signal });
    await world.run(1_000);
    gone.abort();
    const ended = await planning;
    assert.equal(ended.ok && ended.value.filters[0]?.refusal?.reason, "PlanTimeout");
    const slow = planAll(world, object(specOf(`${IMAGE}:2`)), object(specOf(`${IMAGE}:1`), "second"));
    await world.run(121_000);
    const late = await slow;
    assert.deepEqual(late.ok && late.value.filters.map(({ refusal }) => refusal?.reason), ["PlanTimeout", "PlanTimeout"]);
  });
});

describe("policies in a plan", () => {
  const images = [{ pattern: "registry.example/ours/*" }];

  test("what violates one would be refused, and what violates one that is audited is told", async () => {
    const world = await running();
    const before = stateOf(world);
    world.source.setPolicies(policiesOf({ base: { images } }));
    const refused = await plan(world, object(specOf(`${IMAGE}:2`)));
    const why = `spec.image: ${IMAGE} is not allowed; take the image from one of registry.example/ours/* (WasmPolicy base, rule images`;
    assert.equal(refused.action, "refused");
    assert.deepEqual(refused.refusal, { condition: "Permitted", reason: "PolicyViolation", message: `${why})`, retryable: false });
    world.source.setPolicies(policiesOf({ base: { images, mode: "Audit" } }));
    const told = await plan(world, object(specOf(`${IMAGE}:2`)));
    assert.deepEqual([told.action, told.audited], ["changed", [`${why}, audited)`]]);
    await world.run();
    assert.deepEqual(stateOf(world).fleet, before.fleet);
  });

  test("new filters of one request take the places that are left in its order", async () => {
    const world = await running();
    world.source.setPolicies(policiesOf({ two: { maxFiltersPerSlot: 2 } }));
    const planned = await planAll(world, ...["z", "add-header", "a"].map((name) => object(specOf(`${IMAGE}:1`), name)));
    assert.ok(planned.ok);
    assert.deepEqual(
      planned.value.filters.map(({ name, action }) => `${name} ${action}`),
      ["z created", "add-header unchanged", "a refused"],
    );
  });
});
