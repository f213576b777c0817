import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { plainResource, type Resource, typeUrls } from "./resource.ts";
import { createSubscription } from "./stream-subscription.ts";
import type { Lookup, Subscription } from "./subscription.ts";
import { rulesOf } from "./type-rules.ts";

const delta = {
  variant: "delta",
  subscribe: [],
  unsubscribe: [],
  initial: new Map<string, string>(),
  nonce: "",
  error: undefined,
} as const;

/** A server that has exactly these, at version 1. */
function having(...names: string[]): Lookup {
  const all = new Map(names.map((name): [string, Resource] => [name, plainResource("t", name, "1", [])]));
  return { get: (name) => all.get(name) ?? "absent", all: () => all };
}

/** Sends the next response under this nonce and returns the names in it. */
function respond(subscription: Subscription, lookup: Lookup, nonce: string): string[] | undefined {
  const push = subscription.next(lookup, true, () => {});
  if (push !== undefined) subscription.sent(push, nonce, 0);
  return push?.resources.map(({ name }) => name);
}

describe("a subscription", () => {
  test("a state-of-the-world request that names one thing twice in the place of another drops that", () => {
    const subscription = createSubscription("sotw", rulesOf(typeUrls.extensionConfig));
    const ask = (...names: string[]) => subscription.receive({ variant: "sotw", names, nonce: "", error: undefined });
    assert.deepEqual(ask("a", "b").added, ["a", "b"]);
    assert.deepEqual(ask("b", "a").removed, [], "the order means nothing");
    assert.deepEqual(ask("a", "a").removed, ["b"]);
    assert.deepEqual([...subscription.names], ["a"]);
  });

  test("who drops a name that it rejected and comes back to it is answered anew", () => {
    const subscription = createSubscription("delta", rulesOf(typeUrls.extensionConfig));
    subscription.receive({ ...delta, subscribe: ["a"] });
    assert.deepEqual(respond(subscription, having("a"), "1"), ["a"]);
    subscription.receive({ ...delta, nonce: "1", error: "no" });
    subscription.touch(["a"]);
    assert.equal(respond(subscription, having("a"), "2"), undefined);
    subscription.receive({ ...delta, unsubscribe: ["a"] });
    subscription.receive({ ...delta, subscribe: ["a"] });
    assert.deepEqual(respond(subscription, having("a"), "2"), ["a"]);
  });

  test("a client that rejects a whole response and drops a name of it is sent the rest", () => {
    const subscription = createSubscription("sotw", rulesOf(typeUrls.cluster));
    const ask = (names: string[], nonce: string, error?: string) => subscription.receive({ variant: "sotw", names, nonce, error });
    ask(["a", "b"], "");
    assert.deepEqual(respond(subscription, having("a", "b"), "1"), ["a", "b"]);
    ask(["a"], "1", "b is bad");
    assert.deepEqual(respond(subscription, having("a", "b"), "2"), ["a"]);
  });

  test("what a client claims to hold and does not ask for is not remembered", () => {
    const subscription = createSubscription("delta", rulesOf(typeUrls.extensionConfig));
    subscription.receive({ ...delta, subscribe: ["a"], initial: new Map(Object.entries({ a: "1", b: "1" })) });
    assert.deepEqual(
      [...subscription.statuses()].map(({ name }) => name),
      ["a"],
    );
    assert.equal(subscription.size(), 2, "a as a name and as a resource");
  });

  test("a client that claims what an earlier version of Weir served of the same content needs nothing, and holds the present version from then on", () => {
    const subscription = createSubscription("delta", rulesOf(typeUrls.extensionConfig));
    const resource = { ...plainResource("t", "a", "new", []), formerVersion: "old" };
    const lookup: Lookup = { get: () => resource, all: () => undefined };
    const settled: (string | undefined)[] = [];
    subscription.receive({ ...delta, subscribe: ["a"], initial: new Map(Object.entries({ a: "old" })) });
    assert.equal(
      subscription.next(lookup, true, ({ version }) => settled.push(version)),
      undefined,
    );
    assert.deepEqual(settled, ["new"]);
    assert.deepEqual([...subscription.statuses()], [{ name: "a", version: "new", state: "acked", error: undefined }]);
    const other = createSubscription("delta", rulesOf(typeUrls.extensionConfig));
    other.receive({ ...delta, subscribe: ["a"], initial: new Map(Object.entries({ a: "older" })) });
    assert.deepEqual(respond(other, lookup, "1"), ["a"]);
  });

  test("nothing that a client says about a configuration from a Secret is kept but its class", () => {
    const subscription = createSubscription("delta", rulesOf(typeUrls.extensionConfig));
    const resource = { ...plainResource("t", "a", "1", []), confidential: ["shop/auth"] };
    subscription.receive({ ...delta, subscribe: ["a"] });
    respond(subscription, { get: () => resource, all: () => undefined }, "1");
    const { answer } = subscription.receive({ ...delta, nonce: "1", error: "Unable to create Wasm plugin shop/auth: hunter2" });
    const kept = JSON.stringify([answer, ...subscription.statuses()]);
    assert.match(kept, /Unable to create Wasm plugin shop\/auth; the proxy's log has the rest/);
    assert.ok(!kept.includes("hunter2"));
  });

  test("a name does not wait for an answer that was given up on", () => {
    const subscription = createSubscription("delta", rulesOf(typeUrls.extensionConfig));
    const names = Array.from({ length: 10_002 }, (_, index) => `n${index}`);
    const lookup = having(...names);
    subscription.receive({ ...delta, subscribe: names });
    for (const name of names) assert.deepEqual(respond(subscription, lookup, name), [name]);
    const newer: Lookup = { ...lookup, get: (name) => plainResource("t", name, "2", []) };
    subscription.touch(["n5", "n0"]);
    assert.deepEqual(respond(subscription, newer, "again"), ["n0"], "n5 waits for its answer, of n0 none will count");
  });
});
