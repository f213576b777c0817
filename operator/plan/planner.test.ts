import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import type { WasmFilterSpec } from "../../model/gen/wasmfilter.ts";
import type { Applicant, FilterPlan } from "../../model/plan.ts";
import { fail, failForNow, ok } from "../../model/result.ts";
import { policiesOf } from "../testing/policies.ts";
import { createWorld, positionOf, specOf, type World } from "../testing/world.ts";

const IMAGE = "registry.example/filters/add-header";
const [K, L] = ["alice", "bob"].map((name) => `-----BEGIN PUBLIC KEY-----\n${name}\n-----END PUBLIC KEY-----\n`) as [string, string];
const anybody: Applicant = { id: "anybody", mayApply: async () => ok(undefined) };
const never = new AbortController().signal;

function object(spec: WasmFilterSpec, name = "add-header", namespace = "default", metadata: object = {}) {
  return { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name, namespace, annotations: {}, ...metadata }, spec };
}

function secret(name: string, stringData: Record<string, string>) {
  return { apiVersion: "v1", kind: "Secret", metadata: { name, namespace: "default" }, stringData };
}

async function planAll(world: World, ...objects: readonly unknown[]) {
  return world.planner.plan({ objects, applicant: anybody, signal: never });
}

async function plan(world: World, ...objects: readonly unknown[]): Promise<FilterPlan> {
  const planned = await planAll(world, ...objects);
  assert.ok(planned.ok, planned.ok ? "" : planned.error.message);
  const [first] = planned.value.filters;
  assert.ok(first !== undefined);
  return first;
}

/** A world with a filter that runs on ten proxies. */
async function running(spec: WasmFilterSpec = specOf(`${IMAGE}:1`)) {
  const world = createWorld();
  world.registry.push(`${IMAGE}:1`, "one");
  world.registry.push(`${IMAGE}:2`, "two");
  world.registry.push(`${IMAGE}:junk`, "junk");
  await world.start();
  for (let i = 0; i < 10; i++) world.fleet.connect(`web-${i}`);
  world.source.apply("add-header", spec);
  await world.run();
  await world.run();
  return world;
}

/** All that outlives a plan but the store. */
function stateOf(world: World) {
  const { source, fleet, operator } = world;
  return structuredClone({
    objects: [...source.filters()],
    events: source.events,
    records: Array.from(operator.records(), ({ revisions, rollout, resolution, candidate }) => ({
      revisions,
      rollout,
      resolution,
      candidate,
    })),
    fleet: Array.from(fleet.proxies(), ({ key }) => fleet.running(key)),
  });
}

describe("one filter", () => {
  test("is told who signed its image, and which of the spec and the policies ask for it", async () => {
    const world = await running();
    const digest = world.registry.push(`${IMAGE}:2`, "two");
    world.source.setSecret("keys", { "cosign.pub": K });
    const verify = [
      { cosign: { publicKeySecret: { name: "keys", key: "cosign.pub" } } },
      { cosign: { publicKey: L, attestation: { predicateType: "https://spdx.dev/Document" } } },
    ];
    const refused = await plan(world, object(specOf(`${IMAGE}:2`, { verify })));
    assert.deepEqual(
      [refused.refusal?.condition, refused.refusal?.reason, refused.signatures],
      ["Verified", "SignatureNotFound", undefined],
    );
    for (const key of [K, L]) world.verifier.sign(digest, key);
    world.source.setPolicies(
      policiesOf({ base: { images: [{ pattern: "registry.example/**", verify: [{ cosign: { publicKey: K } }] }] } }),
    );
    const planned = await plan(world, object(specOf(`${IMAGE}:2`, { verify })));
    assert.deepEqual(planned.signatures, [
      { by: K, keyFrom: "Secret keys", demands: ["spec.verify[0]", "WasmPolicy base, images[0].verify[0]"] },
      { by: L, demands: ["spec.verify[1]"], attestation: "https://spdx.dev/Document" },
    ]);
    world.source.apply("add-header", specOf(`${IMAGE}:2`, { verify }));
    await world.run(1_000);
    const [record] = world.operator.records();
    assert.deepEqual(
      record?.revisions.at(-1)?.verified?.map((verdict) => Object.keys(verdict).sort()),
      [
        ["by", "requirement"],
        ["by", "requirement"],
      ],
    );
  });

  test("one that would be created: its first revision, its proof, and every proxy at once", async () => {
    const world = await running();
    const found = await plan(world, object({ image: `${IMAGE}:2` }, "other"));
    assert.equal(found.action, "created");
    assert.equal(found.after?.number, 1);
    assert.equal(found.before, undefined);
    assert.equal(found.proof?.result, "passed");
    assert.equal(found.proof.measurements?.size, 3);
    assert.deepEqual(
      found.rollout?.waves.map(({ proxies, percent, holdMs }) => [proxies, percent, holdMs]),
      // It names no steps: it is watched.
      [[10, 100, 15_000]],
    );
  });

  test("one that stays as it is changes nothing, and asks neither registry nor prover", async () => {
    const world = await running();
    const before = world.validations;
    world.registry.down = true;
    const found = await plan(world, object(specOf(`${IMAGE}:1`)));
    assert.deepEqual([found.action, found.object, found.revision, found.rollout?.waves], ["unchanged", [], [], []]);
    assert.deepEqual([found.before?.number, found.after?.number, found.proof], [1, 1, { result: "kept" }]);
    assert.equal(world.validations, before);
  });

  test("a change is told field by field, and its waves are those of the rollout that follows", async () => {
    const steps = [{ percent: 30, hold: "1m" }, { percent: 60, pause: true }, { percent: 100 }];
    const world = await running();
    const spec = specOf(`${IMAGE}:2`, { rollout: { steps }, config: { a: 1 } });
    const found = await plan(world, object(spec));
    assert.equal(found.action, "changed");
    assert.deepEqual(found.object.map(({ field }) => field).sort(), ["spec.config", "spec.image", "spec.rollout.steps"]);
    assert.deepEqual(
      found.revision.map(({ field }) => field),
      ["image", "digest", "wasmDigest", "config"],
    );
    assert.deepEqual(found.revision.at(-1), { field: "config", before: "none", after: '{"a":1}' });
    const order = Array.from({ length: 10 }, (_, i) => `web-${i}`).sort(
      (a, b) => positionOf("default/add-header", a) - positionOf("default/add-header", b),
    );
    const waves = found.rollout?.waves ?? [];
    assert.deepEqual(
      waves.map(({ step, percent, holdMs, pause, proxies }) => [step, percent, holdMs, pause, proxies]),
      [
        [1, 30, 60_000, false, 3],
        [2, 60, 0, true, 3],
        [3, 100, 0, false, 4],
      ],
    );
    assert.deepEqual(
      waves.map(({ first }) => first.map(({ id }) => id)),
      [order.slice(0, 3).sort(), order.slice(3, 6).sort(), order.slice(6).sort()],
    );
    world.source.apply("add-header", spec);
    await world.run();
    const updated = order.filter((id) => world.fleet.running(id)[0]?.revision === found.after?.number);
    assert.deepEqual(updated, order.slice(0, 3));
  });

  test("what is refused says so in the words of the status", async () => {
    const refused = [
      { spec: specOf(`${IMAGE}:junk`), condition: "Validated", reason: "NotWasm" },
      {
        ...{ spec: specOf(`${IMAGE}:missing`), condition: "Resolved", reason: "ImageNotFound" },
        waits: /^an apply is taken, and it is looked for again until it is there; revision 1 serves until then$/,
      },
      {
        spec: specOf(`${IMAGE}:1`, { config: randomBytes(1_300_000).toString("hex").slice(0, 2_400_000) }),
        condition: "Resolved",
        reason: "RevisionTooLarge",
      },
      { spec: { image: `${IMAGE}:1`, digest: "sha256:x" }, condition: "Accepted", reason: "InvalidSpec" },
      {
        spec: specOf(`${IMAGE}:1`, { configFrom: { secretKeyRef: { name: "none", key: "k" } } }),
        condition: "Accepted",
        reason: "SecretNotFound",
        waits: /revision 1 serves/,
      },
    ];
    for (const { spec, condition, reason, ...more } of refused) {
      const world = await running();
      const { action, refusal, before } = await plan(world, object(spec));
      assert.deepEqual([action, refusal?.condition, refusal?.reason, before?.number], ["refused", condition, reason, 1]);
      if ("waits" in more) assert.match(refusal?.waits ?? "", more.waits);
      else assert.equal(refusal?.waits, undefined);
      world.source.apply("add-header", spec);
      await world.run();
      const shown = world.source.statusOf("add-header")?.conditions?.find(({ type }) => type === condition);
      assert.equal(shown?.reason, reason);
      assert.ok(shown?.message.startsWith(refusal?.message ?? "?"), `${shown?.message} / ${refusal?.message}`);
    }
  });

  test("of a first revision that waits it says what requests get meanwhile", async () => {
    const world = await running();
    const waits = async (more: Partial<WasmFilterSpec>) =>
      (await plan(world, object({ image: `${IMAGE}:none`, ...more }, "new"))).refusal?.waits;
    const steps = [{ percent: 10, hold: "1m" }, { percent: 100 }];
    assert.match((await waits({})) ?? "", /; requests pass without it until then$/);
    assert.match(
      (await waits({ whenMissing: "Closed" })) ?? "",
      /answered with 503 in its place, on 10 proxies now \(whenMissing: Closed\)$/,
    );
    assert.match((await waits({ whenMissing: "Closed", rollout: { steps } })) ?? "", /; requests pass without it until its first wave$/);
  });

  test("a digest that succeeded before goes to everyone at once; a suspended filter takes nothing", async () => {
    const steps = [{ percent: 10, pause: true }, { percent: 100 }];
    const world = await running(specOf(`${IMAGE}:1`));
    world.source.apply("add-header", specOf(`${IMAGE}:2`));
    await world.run();
    await world.run();
    const back = await plan(world, object(specOf(`${IMAGE}:1`, { rollout: { steps } })));
    assert.deepEqual([back.after?.number, back.proof?.result, back.rollout?.waves.map(({ proxies }) => proxies)], [1, "kept", [10]]);
    const suspended = await plan(world, object(specOf(`${IMAGE}:junk`, { suspend: true })));
    assert.deepEqual([suspended.action, suspended.after, suspended.rollout?.waves], ["changed", undefined, []]);
    assert.equal(suspended.rollout?.matched, 10);
    assert.equal(suspended.rollout?.waitsFor, "spec.suspend is true: changes wait");
    const alone = await plan(world, object(specOf(`${IMAGE}:2`, { suspend: true })));
    assert.equal(alone.rollout?.waitsFor, "spec.suspend is true: it keeps what it has; later changes wait");
  });

  test("who leaves a rollout under way is told: out of a watch, a dark step, a wave, and for another revision", async () => {
    const watched = ({ rollout: _, ...spec }: WasmFilterSpec): WasmFilterSpec => spec;
    const dark = { steps: [{ percent: 40, pause: true, match: [{ method: "POST" }] }, { percent: 100 }] };
    const wave = { steps: [{ percent: 40, pause: true }, { percent: 100 }] };
    for (const [spec, proxies] of [
      [watched(specOf(`${IMAGE}:2`)), 10],
      [specOf(`${IMAGE}:2`, { rollout: dark }), 4],
      [specOf(`${IMAGE}:2`, { rollout: wave }), 4],
    ] as const) {
      const world = await running();
      world.source.apply("add-header", spec);
      await world.run();
      await world.run();
      const back = { ...spec, image: `${IMAGE}:1` };
      const found = await plan(world, object(back));
      assert.deepEqual([found.action, found.rollout?.waves], ["changed", []]);
      assert.deepEqual([found.rollout?.back?.revision, found.rollout?.back?.proxies], [1, proxies]);
      const ids = found.rollout?.back?.first.map(({ id }) => id) ?? [];
      if (spec.rollout === undefined || spec.rollout === wave) {
        const have = Array.from({ length: 10 }, (_, i) => `web-${i}`).filter((id) => world.fleet.running(id)[0]?.revision === 2);
        assert.deepEqual(ids, have);
      }
      assert.equal((await plan(world, object(spec))).rollout?.back, undefined);
      world.source.apply("add-header", back);
      await world.run();
      assert.ok(ids.every((id) => world.fleet.running(id)[0]?.revision === 1));
      assert.equal((await plan(world, object(back))).action, "unchanged");
    }
    const world = await running();
    world.source.apply("add-header", specOf(`${IMAGE}:2`, { rollout: wave }));
    await world.run();
    const other = specOf(`${IMAGE}:2`, { config: "x", rollout: { steps: [{ percent: 10, pause: true }, { percent: 100 }] } });
    const found = await plan(world, object(other));
    assert.deepEqual([found.rollout?.waves.map(({ proxies }) => proxies), found.rollout?.back?.proxies], [[1, 9], 3]);
  });

  test("a long configuration is cut, and one that differs behind the cut is said to", async () => {
    const world = await running(specOf(`${IMAGE}:1`, { config: `${"x".repeat(10_000)}a` }));
    const behind = await plan(world, object(specOf(`${IMAGE}:1`, { config: `${"x".repeat(10_000)}b` })));
    assert.deepEqual(behind.revision, [{ field: "config" }]);
    const long = await plan(world, object(specOf(`${IMAGE}:1`, { config: "y".repeat(10_000) })));
    assert.ok(JSON.stringify(long).length < 4_000);
    assert.equal(long.revision[0]?.after?.length, 400);
  });

  test("a selector that changes nothing but the proxies is a change, with no wave", async () => {
    const world = await running();
    const found = await plan(world, object(specOf(`${IMAGE}:1`, { selector: { matchLabels: { app: "web" } } })));
    assert.equal(found.action, "changed");
    assert.deepEqual(found.object, [{ field: "spec.selector", after: '{"matchLabels":{"app":"web"}}' }]);
    assert.deepEqual([found.rollout?.matched, found.rollout?.waves], [0, []]);
  });
});

describe("what must not be shown", () => {
  const from = { configFrom: { secretKeyRef: { name: "conf", key: "k" } } };

  test("a Secret's text is said to have changed; one that is applied with the filter takes its place", async () => {
    const world = createWorld();
    world.registry.push(`${IMAGE}:1`, "one");
    world.source.setSecret("conf", { k: "hunter2" });
    await world.start();
    world.fleet.connect("web-1");
    world.source.apply("add-header", specOf(`${IMAGE}:1`, from));
    await world.run();
    const same = await plan(world, object(specOf(`${IMAGE}:1`, from)), secret("conf", { k: "hunter2" }));
    assert.deepEqual([same.action, same.revision], ["unchanged", []]);
    const other = await plan(world, object(specOf(`${IMAGE}:1`, from)), secret("conf", { k: "hunter3" }));
    assert.deepEqual([other.action, other.after?.number], ["changed", 2]);
    assert.deepEqual(other.revision, [{ field: "config", before: "Secret conf (k)", after: "Secret conf (k)" }]);
    const bytes = (data: string) => ({ ...secret("conf", {}), data: { k: data } });
    world.source.apply("add-header", specOf(`${IMAGE}:1`, from));
    const binary = await plan(world, object(specOf(`${IMAGE}:1`, from)), bytes("/wCA"));
    assert.deepEqual(binary.revision, other.revision);
    const moved = await plan(world, object(specOf(`${IMAGE}:1`, { config: "hunter2" })));
    assert.equal(moved.after?.number, 2, "a text that is in the object itself makes another revision");
    const inline = await plan(world, object(specOf(`${IMAGE}:1`, { config: "open" })));
    assert.deepEqual(inline.revision, [{ field: "config", before: "Secret conf (k)", after: "open" }]);
    assert.doesNotMatch(JSON.stringify([same, other, inline]), /hunter/);
  });

  test("a Secret that would be applied counts for its own namespace alone", async () => {
    const world = await running();
    const elsewhere = object(specOf(`${IMAGE}:1`, from), "add-header", "other");
    const found = await plan(world, elsewhere, secret("conf", { k: "hunter2" }));
    assert.deepEqual([found.action, found.refusal?.reason], ["refused", "SecretNotFound"]);
  });
});

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
