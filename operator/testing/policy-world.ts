import { type ConditionType, findCondition } from "../../model/condition.ts";
import { NO_POLICIES } from "../source/policies.ts";
import { createWorld, type World } from "./world.ts";

export const OURS = "registry.example/filters/f:1";
export const NEXT = "registry.example/filters/f:2";
export const THEIRS = "registry.other/f:1";
export const BASE = { images: [{ pattern: "registry.example/filters/*" }] };
export const NOT_ALLOWED =
  "spec.image: registry.other/f is not allowed; take the image from one of registry.example/filters/* (WasmPolicy base, rule images)";

export async function startedWorld(policies = NO_POLICIES): Promise<World> {
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

export function condition(world: World, type: ConditionType, name = "f") {
  const found = findCondition(world.source.statusOf(name), type);
  return found === undefined ? undefined : [found.status, found.reason, found.message].join(" | ");
}

export const runs = (world: World, id = "a") => world.fleet.running(id).map(({ filter, revision }) => `${filter.name}@${revision}`);
export const events = (world: World) =>
  world.source.events.filter(({ event }) => event.type === "Warning").map(({ event }) => `${event.reason}: ${event.message}`);
