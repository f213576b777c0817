import { type ClientState, NONE } from "./client-state.ts";
import type { Resource } from "./resource.ts";
import type { Push } from "./subscription.ts";

/** The response with everything the client wants. With `removals` false it also repeats what is gone, as the client has it. */
export function wholeOf(client: ClientState, everything: ReadonlyMap<string, Resource>, removals: boolean): Push {
  const resources = new Map<string, Resource>();
  for (const name of client.wildcard ? everything.keys() : client.names) {
    const found = everything.get(name);
    if (found !== undefined) resources.set(name, found);
  }
  const retained: string[] = [];
  for (const [name, { resource }] of removals ? [] : client.held) {
    if (resource === undefined || !client.covers(name) || resources.has(name)) continue;
    resources.set(name, resource);
    retained.push(name);
  }
  const all = [...resources.values()];
  const updated = all.filter((resource) => client.isUpdate(resource)).map(({ name }) => name);
  return { resources: all, removed: NONE, updated, retained };
}

/** A text that is equal for whole responses of equal content. */
export function contentOf(push: Push): string {
  return JSON.stringify(push.resources.map(({ name, version }) => [name, version]).sort());
}

/** The client has lost what a whole response leaves out. */
export function dropAbsent(client: ClientState, push: Push): void {
  const present = new Set(push.resources.map(({ name }) => name));
  for (const [name, { version }] of client.held) if (version !== undefined && !present.has(name)) client.held.delete(name);
  for (const name of client.names) {
    if (present.has(name)) continue;
    client.hold(name, undefined, undefined, "sent", "");
    client.done(name);
  }
}
