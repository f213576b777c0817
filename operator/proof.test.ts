import assert from "node:assert/strict";
import { test } from "node:test";
import { findCondition } from "../model/condition.ts";
import type { WasmFilterSpec } from "../model/gen/wasmfilter.ts";
import { createWorld, specOf, type World } from "./testing/world.ts";

const IMAGE = "registry.example/filters/picky:1";
const REPORT = { preflight: { traffic: "Report" } } as const;
const REQUESTS = { preflight: { requests: [{ path: "/", headers: [{ name: "x-tenant", value: "a" }] }] } };

function validated(world: World): string {
  const found = findCondition(world.source.statusOf("picky"), "Validated");
  return `${found?.status} ${found?.reason}: ${found?.message}`;
}

async function started(text: string, spec: Partial<WasmFilterSpec> = {}): Promise<World> {
  const world = createWorld();
  world.registry.push(IMAGE, text);
  await world.start();
  world.fleet.connect("web-1");
  world.source.apply("picky", specOf(IMAGE, spec));
  await world.run();
  return world;
}

async function becomes(world: World, spec: Partial<WasmFilterSpec>): Promise<void> {
  world.source.apply("picky", specOf(IMAGE, spec));
  await world.run();
}

/** Revisions that were made, chains that the proxy took, and where the rollout is. */
function course(world: World) {
  const { revision, stableRevision, rollout, history } = world.source.statusOf("picky") ?? {};
  return { revision, stableRevision, rollout, history };
}

test("what Report lets through is served, told in the condition and in one Warning, and still told after a restart", async () => {
  const world = await started("traps v1", REPORT);
  assert.equal(world.fleet.running("web-1").length, 1);
  assert.match(validated(world), /^True TrafficFailed: GET \/: trapped; let through, as spec\.preflight\.traffic is Report; ABI 0\.2\.1/);
  const warnings = () => world.source.events.filter(({ event }) => event.type === "Warning");
  assert.deepEqual(
    warnings().map(({ event }) => event),
    [{ type: "Warning", reason: "TrafficFailed", message: "let through, as spec.preflight.traffic is Report: GET /: trapped" }],
  );
  const proofs = world.validations;
  await world.restart();
  await world.run();
  assert.match(validated(world), /^True TrafficFailed: GET \/: trapped; let through.*revision 1 passed preflight when it was made/);
  assert.equal(world.validations, proofs, "what it was proved by is in its record");
  assert.equal(warnings().length, 1);
});

test("a change of preflight alone proves again and rolls out nothing, whatever comes of it", async () => {
  const world = await started("traps v1", REPORT);
  const before = course(world);
  const acks: string[] = [];
  world.fleet.onAck = (id) => void acks.push(id);
  for (const [spec, says] of [
    [REQUESTS, /^True Validated: ABI/],
    [{}, /^False TrafficFailed: .*GET \/: trapped.*revision 1 keeps serving/],
    [REPORT, /^True TrafficFailed: GET \/: trapped/],
  ] as const) {
    await becomes(world, spec);
    assert.match(validated(world), says);
    assert.deepEqual(course(world), before);
  }
  await becomes(world, {});
  await world.restart();
  await world.run();
  assert.match(validated(world), /^False TrafficFailed/, "a restart forgets no refusal");
  assert.deepEqual([course(world), acks], [before, []]);
});

test("a filter that asks for nothing is not proved again for what it has, and its record says nothing of proofs", async () => {
  const world = await started("v1");
  const [revision] = await records(world);
  assert.ok(revision !== undefined && !("proof" in revision) && !("told" in revision));
  const proofs = world.validations;
  await becomes(world, { priority: 1 });
  await becomes(world, {});
  assert.equal(world.validations, proofs + 1);
});

async function records(world: World) {
  const kept = await world.source.revisions({ namespace: "default", name: "picky" }, "uid-0");
  return kept.ok ? kept.value : [];
}
