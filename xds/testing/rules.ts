import { test } from "node:test";
import { typeUrls } from "../protocol/resource.ts";
import { everyWay, type StartedDiscovery, startDiscovery, type Way } from "./discovery.ts";
import type { Received } from "./received.ts";

const { extensionConfig: ECDS, listener: LDS, route: RDS } = typeUrls;

/** Types with the same rules are as good as one another. */
export const ways = everyWay.filter(({ typeUrl }) => [LDS, RDS, ECDS].some((other) => other === typeUrl));

/** A test of one rule in each of these ways of speaking. */
export function rule(text: string, over: readonly Way[], run: (way: Way, started: StartedDiscovery) => Promise<void>): void {
  for (const way of over) test(`${text} (${way.name})`, async (t) => run(way, await startDiscovery(t)));
}

/** The names in a response, sorted. */
export function namesIn(response: Received): string[] {
  return [...response.resources.keys()].sort();
}
