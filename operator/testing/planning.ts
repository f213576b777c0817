import assert from "node:assert/strict";
import type { WasmFilterSpec } from "../../model/gen/wasmfilter.ts";
import type { Applicant, FilterPlan } from "../../model/plan.ts";
import { ok } from "../../model/result.ts";
import { createWorld, specOf, type World } from "./world.ts";

export const IMAGE = "registry.example/filters/add-header";
export const [K, L] = ["alice", "bob"].map((name) => `-----BEGIN PUBLIC KEY-----\n${name}\n-----END PUBLIC KEY-----\n`) as [string, string];
export const anybody: Applicant = { id: "anybody", mayApply: async () => ok(undefined) };
export const never = new AbortController().signal;

export function object(spec: WasmFilterSpec, name = "add-header", namespace = "default", metadata: object = {}) {
  return { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name, namespace, annotations: {}, ...metadata }, spec };
}

export function secret(name: string, stringData: Record<string, string>) {
  return { apiVersion: "v1", kind: "Secret", metadata: { name, namespace: "default" }, stringData };
}

export async function planAll(world: World, ...objects: readonly unknown[]) {
  return world.planner.plan({ objects, applicant: anybody, signal: never });
}

export async function plan(world: World, ...objects: readonly unknown[]): Promise<FilterPlan> {
  const planned = await planAll(world, ...objects);
  assert.ok(planned.ok, planned.ok ? "" : planned.error.message);
  const [first] = planned.value.filters;
  assert.ok(first !== undefined);
  return first;
}

/** A world with a filter that runs on ten proxies. */
export async function running(spec: WasmFilterSpec = specOf(`${IMAGE}:1`)) {
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
export function stateOf(world: World) {
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
