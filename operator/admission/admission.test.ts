import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AdmissionVerdict } from "../../model/admission.ts";
import { findCondition } from "../../model/condition.ts";
import { digestOf } from "../../model/digest.ts";
import { type Log, silentLog } from "../../model/log.ts";
import { ok } from "../../model/result.ts";
import { createFakeClock } from "../../model/testing/fake-clock.ts";
import { createConfigJudge } from "../config/judge.ts";
import { UNREAD_POLICIES } from "../source/policies.ts";
import { policiesOf } from "../testing/policies.ts";
import { createWorld, specOf, type World } from "../testing/world.ts";
import { createAdmission } from "./admission.ts";
import type { AdmissionCheck } from "./check.ts";
import { createFilterAdmission } from "./filter-admission.ts";

const IMAGE = "registry.example/filters/add-header";
const K = "-----BEGIN PUBLIC KEY-----\nalice\n-----END PUBLIC KEY-----\n";
const key = { namespace: "default", name: "add-header" };
const quiet = { pullPolicy: "Always" };
const object = (spec: object, metadata: object = {}) => ({
  ...{ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter" },
  ...{ metadata: { ...key, ...metadata }, spec },
});

const configJudge = createConfigJudge();

/** A world with an image and a proxy, and its admission. */
async function start(hearsAll = true) {
  const world = createWorld();
  const digest = world.registry.push(`${IMAGE}:1`, "one");
  await world.start();
  world.fleet.connect("web-0", { labels: { app: "web" }, slots: ["default"] });
  const { source, registry, verifier, fleet, clock } = world;
  const admission = createFilterAdmission({
    ...{
      source,
      registry,
      verifier,
      fleet,
      clock,
      log: silentLog,
      configJudge,
      parseKeychain: () => ok(new Map()),
      ownNamespace: undefined,
    },
    records: () => world.operator.records(),
    hearsAll: () => hearsAll,
  });
  const judge = (spec: object, before?: object) =>
    admission.judge({ key, object: object(spec), before: before && object(before, { uid: "default/add-header" }) });
  return { world, digest, judge };
}

function said({ refusals, warnings }: AdmissionVerdict): string[] {
  return [...refusals.map(({ path, message }) => `refused ${path}: ${message}`), ...warnings];
}

async function settled(world: World): Promise<void> {
  await world.run();
  await world.run();
}

describe("a WasmFilter that is about to be stored", () => {
  test("passes in silence where nothing is wrong with it", async () => {
    const { judge, digest } = await start();
    assert.deepEqual(said(await judge({ image: `${IMAGE}:1`, ...quiet })), []);
    assert.deepEqual(said(await judge({ image: IMAGE, digest })), []);
  });

  test("is told who signed its image, and as what asks for it; where nobody did it may be stored, and a warning says so", async () => {
    const { world, judge, digest } = await start();
    const secret = { publicKeySecret: { name: "keys", key: "cosign.pub" } };
    world.source.setSecret("keys", { "cosign.pub": K });
    const spec = { image: `${IMAGE}:1`, ...quiet, verify: [{ cosign: secret }] };
    assert.deepEqual(said(await judge(spec)), [`spec.verify[0]: ${IMAGE}:1 is not signed`]);
    world.verifier.sign(digest, K);
    world.source.setPolicies(
      policiesOf({ base: { images: [{ pattern: "registry.example/**", verify: [{ cosign: { publicKey: K } }] }] } }),
    );
    const signed = await judge(spec);
    assert.deepEqual(said(signed), []);
    const demands = ["spec.verify[0]", "WasmPolicy base, images[0].verify[0]"];
    assert.deepEqual(signed.signatures, [{ by: K, keyFrom: "Secret keys", demands }]);
    assert.deepEqual((await judge({ image: `${IMAGE}:1`, ...quiet })).signatures, [{ by: K, demands: demands.slice(1) }]);
    world.verifier.down = true;
    assert.match(said(await judge(spec)).join(), /the signatures of \S+ cannot be read/);
    assert.deepEqual(said(await judge({ ...spec, priority: 3 }, spec)), []);
  });

  test("is refused for what does not parse, by each field", async () => {
    const { judge } = await start();
    const found = await judge({ image: `${IMAGE}:1`, digest: "sha256:1", slot: "A B" });
    assert.deepEqual(
      found.refusals.map(({ path }) => path),
      ["spec.digest", "spec.slot"],
    );
  });

  test("is refused for a digest that its repository does not have, in the words of the status", async () => {
    const { world, judge } = await start();
    const spec = { image: IMAGE, digest: digestOf("nothing") };
    const [refusal] = (await judge(spec)).refusals;
    world.source.apply("add-header", specOf(spec.image, { digest: spec.digest }));
    await settled(world);
    const [stored] = world.operator.filters();
    const condition = findCondition(stored?.status, "Resolved");
    assert.equal(refusal?.path, "spec.digest");
    assert.ok(condition?.message?.startsWith(`${refusal?.message}; looked at again`), condition?.message);
  });

  test("is warned of where a tag is missing, a registry away, a tag looked at once, a slot or a selector without a proxy", async () => {
    const { world, judge } = await start();
    assert.deepEqual(said(await judge({ image: `${IMAGE}:2`, ...quiet })), [`spec.image: ${IMAGE}:2 does not exist`]);
    assert.match(said(await judge({ image: `${IMAGE}:1` })).join(), /^spec\.image: the tag is looked at once/);
    assert.deepEqual(said(await judge({ image: `${IMAGE}:1`, ...quiet, slot: "edge" })), [
      "spec.slot: of the 1 proxy that are selected none has a slot edge now",
    ]);
    assert.deepEqual(said(await judge({ image: `${IMAGE}:1`, ...quiet, selector: { matchLabels: { app: "x" } } })), [
      "spec.selector: it selects no proxy of namespace default that is connected now",
    ]);
    world.registry.down = true;
    assert.match(said(await judge({ image: IMAGE, digest: digestOf("nothing") })).join(), /^spec\.digest: .*does not answer$/);
  });

  test("is told nothing of proxies by a server that does not hear of them all", async () => {
    const { judge } = await start(false);
    assert.deepEqual(said(await judge({ image: `${IMAGE}:1`, ...quiet, slot: "edge" })), []);
  });
});

describe("policies", () => {
  const images = [{ pattern: "registry.example/ours/*" }];
  const why = `spec.image: ${IMAGE} is not allowed; take the image from one of registry.example/ours/* (WasmPolicy base, rule images`;

  test("refuse what violates one, warn where it is audited, and are no bar to a change of something else", async () => {
    const { world, judge } = await start();
    const spec = { image: `${IMAGE}:1`, ...quiet };
    world.source.setPolicies(policiesOf({ base: { images } }));
    assert.deepEqual(said(await judge(spec)), [`refused ${why})`]);
    assert.deepEqual(said(await judge({ ...spec, suspend: true }, spec)), []);
    world.source.setPolicies(policiesOf({ base: { images, mode: "Audit" } }));
    assert.deepEqual(said(await judge(spec)), [`${`${why}, audited)`.slice(0, 119)}…`]);
  });

  test("that are not known are told, and refuse nothing", async () => {
    const { world, judge } = await start();
    world.source.setPolicies(UNREAD_POLICIES);
    assert.deepEqual(said(await judge({ image: `${IMAGE}:1`, ...quiet })), [
      "it is not known what policies allow: nothing new goes out before that",
    ]);
  });
});

describe("a change of one that is stored", () => {
  test("is judged by what changes: what was wrong before is in nobody's way", async () => {
    const { judge } = await start();
    const bad = { image: IMAGE, digest: digestOf("nothing"), slot: "edge" };
    assert.deepEqual(said(await judge(bad, bad)), []);
    assert.deepEqual(said(await judge({ ...bad, slot: "default", suspend: true }, bad)), []);
    const [refusal] = (await judge({ ...bad, digest: digestOf("other") }, bad)).refusals;
    assert.equal(refusal?.path, "spec.digest");
    // A default that is written out is no change.
    assert.deepEqual(said(await judge({ ...bad, failurePolicy: "Reload" }, bad)), []);
    const unparsed = { image: `${IMAGE}:1`, ...quiet, slot: "A B" };
    assert.deepEqual(said(await judge({ ...unparsed, suspend: true }, unparsed)), []);
    assert.equal((await judge({ ...unparsed, digest: "x" }, unparsed)).refusals.length, 1);
  });

  test("goes back to a digest of the history although the repository has lost it", async () => {
    const { world, digest, judge } = await start();
    const spec = specOf(`${IMAGE}:1`);
    world.source.apply("add-header", spec);
    await settled(world);
    world.registry.down = true;
    assert.deepEqual(said(await judge({ ...spec, digest }, { ...spec })), []);
  });
});

describe("the list of checks", () => {
  const check = (judge: AdmissionCheck["judge"]): AdmissionCheck => ({ fields: ["image"], judge });

  test("answers in time and in order, whatever one of them does", async () => {
    const clock = createFakeClock();
    const lines: string[] = [];
    const log: Log = { ...silentLog, error: (line) => void lines.push(line) };
    const checks = [
      check(() => ({ refusals: [{ path: "spec.image", message: "no" }] })),
      check(() => new Promise(() => {})),
      { ...check(() => new Promise(() => {})), late: "late" },
      check(async () => {
        throw new Error("a bug");
      }),
      check(async () => ({ warnings: ["same", "same", `long\n${"x".repeat(500)}`, ...Array.from({ length: 20 }, (_, i) => `w${i}`)] })),
    ];
    const admission = createAdmission({ checks, record: () => undefined, clock, log });
    const judged = admission.judge({ key, object: object({ image: "r/i:1" }), before: undefined });
    await clock.advance(1_000);
    const { refusals, warnings } = await judged;
    assert.deepEqual(refusals, [{ path: "spec.image", message: "no" }]);
    assert.equal(warnings.length, 8);
    assert.deepEqual([warnings[0], warnings[1], warnings[2]?.slice(0, 8), warnings[2]?.length], ["late", "same", "long xxx", 120]);
    assert.deepEqual(lines, ["a check of a WasmFilter failed; it was let through"]);
  });
});
