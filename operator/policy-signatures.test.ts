import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { failForNow, ok } from "../model/result.ts";
import { policiesOf } from "./testing/policies.ts";
import { condition, events, OURS, runs, startedWorld, THEIRS } from "./testing/policy-world.ts";
import { specOf } from "./testing/world.ts";

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
