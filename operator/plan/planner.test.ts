import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import type { WasmFilterSpec } from "../../model/gen/wasmfilter.ts";
import { IMAGE, K, L, object, plan, running, secret } from "../testing/planning.ts";
import { policiesOf } from "../testing/policies.ts";
import { createWorld, positionOf, specOf } from "../testing/world.ts";

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
