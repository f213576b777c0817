import assert from "node:assert/strict";
import { test } from "node:test";
import { findCondition } from "../model/condition.ts";
import type { WasmFilterSpec, WasmFilterStatus } from "../model/gen/wasmfilter.ts";
import { policiesOf } from "./testing/policies.ts";
import { createWorld, specOf, type World } from "./testing/world.ts";

const IMAGE = "registry.example/filters/add-header";
const keyOf = (name: string) => `-----BEGIN PUBLIC KEY-----\n${name}\n-----END PUBLIC KEY-----\n`;
const ALICE = keyOf("alice");
const BOB = keyOf("bob");

function signedBy(...keys: readonly string[]): Pick<WasmFilterSpec, "verify"> {
  return { verify: keys.map((publicKey) => ({ cosign: { publicKey } })) };
}

function told(status: WasmFilterStatus | undefined): string {
  const found = findCondition(status, "Verified");
  return `${found?.status} ${found?.reason}: ${found?.message}`;
}

/** Version 1 is signed by Alice, version 2 by Alice and Bob. */
async function start(): Promise<World> {
  const world = createWorld();
  world.verifier.sign(world.registry.push(`${IMAGE}:1`, "v1"), ALICE);
  const second = world.registry.push(`${IMAGE}:2`, "v2");
  for (const key of [ALICE, BOB]) world.verifier.sign(second, key);
  world.registry.push(`${IMAGE}:3`, "v3");
  await world.start();
  world.fleet.connect("web-1");
  return world;
}

async function apply(world: World, spec: WasmFilterSpec): Promise<WasmFilterStatus | undefined> {
  world.source.apply("f", spec);
  await world.run();
  await world.run();
  return world.source.statusOf("f");
}

const running = (world: World) => world.fleet.running("web-1")[0]?.revision;

test("an image goes out once every signature that is demanded holds, and the status says by whom", async () => {
  const world = await start();
  assert.match(told(await apply(world, specOf(`${IMAGE}:1`, signedBy(ALICE)))), /^True Verified: every .* holds: .*alice/s);
  assert.equal(running(world), 1);
  assert.match(
    told(await apply(world, specOf(`${IMAGE}:1`, signedBy(ALICE, BOB)))),
    /^False SignatureNotFound: spec\.verify\[1\]: .* is kept/,
  );
  assert.equal(running(world), 1);
  assert.match(told(await apply(world, specOf(`${IMAGE}:2`, signedBy(ALICE, BOB)))), /^True/);
  assert.equal(running(world), 2);
});

test("an image that is not signed changes nothing, and is looked at again until it is signed", async () => {
  const world = await start();
  await apply(world, specOf(`${IMAGE}:1`, signedBy(ALICE)));
  const status = await apply(world, specOf(`${IMAGE}:3`, signedBy(ALICE)));
  assert.match(told(status), /^False SignatureNotFound: spec\.verify\[0\]: .* looked at again.*revision 1 keeps serving$/);
  assert.doesNotMatch(told(status), /which runs/);
  assert.equal(running(world), 1);
  world.verifier.sign(world.registry.push(`${IMAGE}:3`, "v3"), ALICE);
  await world.run(3_000);
  await world.run();
  assert.equal(running(world), 2);
});

test("a registry that cannot be read is told as that, and holds nothing against what runs", async () => {
  const world = await start();
  await apply(world, specOf(`${IMAGE}:1`, { ...signedBy(ALICE), whenUnverified: "RollBack" }));
  world.verifier.down = true;
  const status = await apply(world, specOf(`${IMAGE}:1`, { ...signedBy(BOB), whenUnverified: "RollBack" }));
  assert.match(told(status), /^(False|Unknown) RegistryUnavailable: .*tried again/);
  assert.equal(running(world), 1);
});

test("what holds by the history needs no registry: back and forth, and after a restart", async () => {
  const world = await start();
  await apply(world, specOf(`${IMAGE}:1`, signedBy(ALICE)));
  await apply(world, specOf(`${IMAGE}:2`, signedBy(ALICE)));
  const { asked } = world.verifier;
  world.verifier.down = true;
  world.registry.down = true;
  await apply(world, specOf(`${IMAGE}:1`, signedBy(ALICE)));
  assert.equal(running(world), 1);
  await world.restart();
  assert.match(told(await apply(world, specOf(`${IMAGE}:2`, signedBy(ALICE)))), /^True/);
  assert.equal(running(world), 2);
  assert.equal(world.verifier.asked, asked);
});

test("verdicts on other keys come into the record of the same revision, and outlive a restart", async () => {
  const world = await start();
  await apply(world, specOf(`${IMAGE}:2`, signedBy(ALICE)));
  await apply(world, specOf(`${IMAGE}:2`, signedBy(BOB)));
  const { asked } = world.verifier;
  await world.restart();
  await world.run();
  assert.match(told(world.source.statusOf("f")), /^True Verified: .*bob/s);
  assert.equal(running(world), 1);
  assert.equal(world.verifier.asked, asked);
});

test("a revoked key: by default what runs is kept, and the condition and an Event say so", async () => {
  const world = await start();
  await apply(world, specOf(`${IMAGE}:2`, signedBy(BOB)));
  const before = world.source.events.length;
  await apply(world, specOf(`${IMAGE}:1`, signedBy(ALICE)));
  const status = await apply(world, specOf(`${IMAGE}:1`, signedBy(BOB)));
  assert.match(told(status), /^False SignatureNotFound: .*; revision 2, which runs, does not have what is asked for, and is kept/);
  assert.equal(running(world), 2);
  const events = world.source.events.slice(before).filter(({ event }) => event.reason === "SignatureNotFound");
  assert.equal(events.length, 1);
});

test("a revoked key with RollBack: the last revision that holds takes the place, and stays after a restart", async () => {
  const world = await start();
  const asked = { whenUnverified: "RollBack" } as const;
  await apply(world, specOf(`${IMAGE}:2`, { ...signedBy(BOB), ...asked }));
  await apply(world, specOf(`${IMAGE}:1`, { ...signedBy(ALICE), ...asked }));
  assert.equal(running(world), 2);
  const status = await apply(world, specOf(`${IMAGE}:1`, { ...signedBy(BOB), ...asked }));
  assert.match(told(status), /^False SignatureNotFound: .*; revision 2, which runs, .*: revision 1, which has it, takes its place/);
  assert.equal(running(world), 1);
  await world.restart();
  await world.run();
  assert.equal(running(world), 1);
  assert.match(told(world.source.statusOf("f")), /^False/);
  assert.match(told(await apply(world, specOf(`${IMAGE}:1`, { ...signedBy(ALICE), ...asked }))), /^True/);
  assert.equal(running(world), 2);
});

test("with RollBack and no revision that holds, nothing is taken off", async () => {
  const world = await start();
  await apply(world, specOf(`${IMAGE}:1`, signedBy(ALICE)));
  const status = await apply(world, specOf(`${IMAGE}:1`, { ...signedBy(BOB), whenUnverified: "RollBack" }));
  assert.match(told(status), /is kept: no earlier one has it/);
  assert.equal(running(world), 1);
});

test("a revision of before there were verdicts is judged as it stands, and no rollout follows", async () => {
  const world = await start();
  await apply(world, specOf(`${IMAGE}:1`));
  const status = await apply(world, specOf(`${IMAGE}:1`, signedBy(ALICE)));
  assert.match(told(status), /^True/);
  assert.equal(status?.revision, 1);
  assert.equal(running(world), 1);
});

test("a key in a Secret: another key in it is another demand", async () => {
  const world = await start();
  const verify = [{ cosign: { publicKeySecret: { name: "keys", key: "cosign.pub" } } }];
  assert.match(told(await apply(world, specOf(`${IMAGE}:1`, { verify }))), /^False SecretNotFound: spec\.verify\[0\]: /);
  world.source.setSecret("keys", { "cosign.pub": ALICE });
  await world.run();
  await world.run();
  assert.equal(running(world), 1);
  world.source.setSecret("keys", { "cosign.pub": BOB });
  await world.run();
  await world.run();
  assert.match(told(world.source.statusOf("f")), /^False SignatureNotFound/);
  assert.equal(running(world), 1);
});

test("more signatures than can be kept are refused, not asked for again and again; those of spec and policy together count once", async () => {
  const keys = Array.from({ length: 66 }, (_, index) => keyOf(`k${index}`));
  const world = await start();
  const digest = world.registry.push(`${IMAGE}:1`, "v1");
  for (const key of keys) world.verifier.sign(digest, key);
  const policies = (count: number) =>
    policiesOf(
      Object.fromEntries(
        Array.from({ length: Math.ceil(count / 4) }, (_, index) => {
          const verify = keys.slice(4 * index, Math.min(4 * index + 4, count)).map((publicKey) => ({ cosign: { publicKey } }));
          return [`p${index}`, { images: [{ pattern: "**", verify }] }];
        }),
      ),
    );
  world.source.setPolicies(policies(64));
  const all = specOf(`${IMAGE}:1`, signedBy(...keys.slice(0, 16)));
  assert.match(told(await apply(world, all)), /^True/);
  const { asked } = world.verifier;
  world.verifier.down = true;
  for (const config of ["a", "b"]) assert.match(told(await apply(world, { ...all, config })), /^True/);
  assert.equal(running(world), 3);
  await apply(world, all);
  assert.equal(running(world), 1, "a rollback needs no registry");
  assert.equal(world.verifier.asked, asked);
  world.source.setPolicies(policies(66));
  assert.match(told(await apply(world, all)), /^False TooManySignatures: .* default ask for 66 signatures, more than 64; ask for fewer/);
});

test("a revision of another repository is judged with the credentials that are for that one", async () => {
  const asked: string[] = [];
  const implied = {
    keychainFor: async (namespace: string, image: string) => {
      asked.push(`${namespace} ${image}`);
      return new Map();
    },
  };
  const world = createWorld(undefined, undefined, implied);
  const other = "registry.example/private/other:1";
  for (const image of [other, `${IMAGE}:1`]) world.verifier.sign(world.registry.push(image, image), ALICE);
  await world.start();
  world.fleet.connect("web-1");
  await apply(world, specOf(other, signedBy(ALICE)));
  await apply(world, specOf(`${IMAGE}:1`, signedBy(ALICE)));
  asked.length = 0;
  world.verifier.sign(world.registry.push(other, other), BOB);
  await apply(world, specOf(`${IMAGE}:1`, { ...signedBy(BOB), whenUnverified: "RollBack" }));
  assert.equal(running(world), 1);
  assert.deepEqual([...new Set(asked)].sort(), [`default ${IMAGE}:1`, `default ${other}`]);
});
