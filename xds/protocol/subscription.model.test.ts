import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { plainResource, type Resource, typeUrls } from "./resource.ts";
import { createSubscription } from "./stream-subscription.ts";
import type { Lookup, Request, Subscription } from "./subscription.ts";
import { rulesOf } from "./type-rules.ts";

type Variant = Request["variant"];

/** A server's content of one type and a client that follows the protocol, joined by queues that deliver in order and late. */
interface Model {
  readonly variant: Variant;
  readonly typeUrl: string;
  readonly content: Map<string, string>;
  subscription: Subscription;
  /** Requests on their way to the server. */
  toServer: Request[];
  /** Responses on their way to the client. */
  toClient: Sent[];
  readonly wanted: Set<string>;
  readonly held: Map<string, string>;
  /** Contents that this client cannot load, as `name version`. */
  readonly unloadable: ReadonlySet<string>;
  /** What the server knows to be rejected on this stream. */
  rejected: Set<string>;
  lastNonce: string;
  nonces: number;
}

interface Sent {
  readonly nonce: string;
  readonly resources: readonly Resource[];
  readonly removed: readonly string[];
}

const NAMES = ["a", "b", "c"];
const VERSIONS = ["1", "2", "3"];

type Step =
  | { readonly do: "put"; readonly name: string; readonly version: string }
  | { readonly do: "remove" | "subscribe" | "unsubscribe"; readonly name: string }
  | { readonly do: "deliver request" | "deliver response" | "flush" | "reconnect" | "stale" };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("put" as const), name: fc.constantFrom(...NAMES), version: fc.constantFrom(...VERSIONS) }),
  fc.record({ do: fc.constantFrom("remove" as const, "subscribe" as const, "unsubscribe" as const), name: fc.constantFrom(...NAMES) }),
  fc.record({
    do: fc.constantFrom("deliver request" as const, "deliver response" as const, "flush" as const, "reconnect" as const, "stale" as const),
  }),
);
const unloadable = fc.uniqueArray(
  fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...VERSIONS)).map((pair) => pair.join(" ")),
  {
    maxLength: 3,
  },
);

function model(variant: Variant, typeUrl: string, bad: readonly string[]): Model {
  return {
    variant,
    typeUrl,
    content: new Map(),
    subscription: createSubscription(variant, rulesOf(typeUrl)),
    toServer: [],
    toClient: [],
    wanted: new Set(),
    held: new Map(),
    unloadable: new Set(bad),
    rejected: new Set(),
    lastNonce: "",
    nonces: 0,
  };
}

function lookup({ content, typeUrl }: Model): Lookup {
  const resource = (name: string, version: string): Resource => plainResource(typeUrl, name, version, []);
  return {
    get(name) {
      const version = content.get(name);
      return version === undefined ? "absent" : resource(name, version);
    },
    all: () => new Map([...content].map(([name, version]) => [name, resource(name, version)])),
  };
}

function run(m: Model, action: Step): void {
  if (action.do === "deliver request") deliver(m);
  if (action.do === "put") m.content.set(action.name, action.version);
  if (action.do === "remove") m.content.delete(action.name);
  if (action.do === "put" || action.do === "remove") m.subscription.touch([action.name]);
  if (action.do === "subscribe" || action.do === "unsubscribe") change(m, action.name, action.do === "subscribe");
  if (action.do === "deliver response") answer(m);
  if (action.do === "flush") flush(m);
  if (action.do === "reconnect") reconnect(m);
  if (action.do === "stale") stale(m);
}

function deliver(m: Model): void {
  const request = m.toServer.shift();
  if (request === undefined) return;
  const { answer, removed } = m.subscription.receive(request);
  if (answer?.error !== undefined)
    m.rejected.add(
      answer.items
        .map(({ name, version }) => `${name} ${version}`)
        .sort()
        .join(","),
    );
  // Who asks anew is answered anew.
  for (const content of m.rejected) if (removed.some((name) => content.includes(name))) m.rejected.delete(content);
}

function change(m: Model, name: string, add: boolean): void {
  if (add) m.wanted.add(name);
  else m.wanted.delete(name);
  if (!add) m.held.delete(name);
  if (m.variant === "sotw") m.toServer.push({ variant: "sotw", names: sotwNames(m), nonce: m.lastNonce, error: undefined });
  else {
    const request = { variant: "delta", subscribe: add ? [name] : [], unsubscribe: add ? [] : [name] } as const;
    m.toServer.push({ ...request, initial: new Map(), nonce: "", error: undefined });
  }
}

/** A client that wants nothing says so in a way that no server takes for a wildcard. */
function sotwNames({ wanted }: Model): string[] {
  return wanted.size === 0 ? [""] : [...wanted];
}

function flush(m: Model): void {
  for (const removals of [false, true]) {
    for (;;) {
      const push = m.subscription.next(lookup(m), removals, () => {});
      if (push === undefined) break;
      m.nonces += 1;
      const nonce = String(m.nonces);
      m.subscription.sent(push, nonce, 0);
      assert.equal(new Set(push.resources.map(({ name }) => name)).size, push.resources.length, "no name twice");
      for (const name of m.variant === "sotw" ? push.removed : []) assert.fail(`${name} removed in a state-of-the-world response`);
      if (m.rejected.size > 0) assert(!m.rejected.has(contentOf(push)), `content ${contentOf(push)} was rejected and comes again`);
      m.toClient.push({ nonce, resources: push.resources, removed: push.removed });
      assert(m.nonces < 10_000, "the server sends without end");
    }
  }
}

function contentOf({ resources }: { resources: readonly Resource[] }): string {
  return resources
    .map(({ name, version }) => `${name} ${version}`)
    .sort()
    .join(",");
}

function answer(m: Model): void {
  const response = m.toClient.shift();
  if (response === undefined) return;
  m.lastNonce = response.nonce;
  // What it does not want it does not look at.
  const bad = response.resources.some(({ name, version }) => m.wanted.has(name) && m.unloadable.has(`${name} ${version}`));
  const error = bad ? "cannot load" : undefined;
  if (!bad) {
    if (m.variant === "sotw" && rulesOf(m.typeUrl).fullState) m.held.clear();
    for (const { name, version } of response.resources) if (m.wanted.has(name)) m.held.set(name, version);
    for (const name of response.removed) m.held.delete(name);
  }
  if (m.variant === "sotw") m.toServer.push({ variant: "sotw", names: sotwNames(m), nonce: response.nonce, error });
  else m.toServer.push({ variant: "delta", subscribe: [], unsubscribe: [], initial: new Map(), nonce: response.nonce, error });
}

function reconnect(m: Model): void {
  m.subscription = createSubscription(m.variant, rulesOf(m.typeUrl));
  m.toServer = [];
  m.toClient = [];
  m.rejected = new Set();
  const old = m.lastNonce;
  m.lastNonce = "";
  if (m.variant === "sotw") m.toServer.push({ variant: "sotw", names: sotwNames(m), nonce: old, error: undefined });
  else if (m.wanted.size > 0) {
    m.toServer.push({
      variant: "delta",
      subscribe: [...m.wanted],
      unsubscribe: [],
      initial: new Map(m.held),
      nonce: old,
      error: undefined,
    });
  }
}

/** An answer that comes again, or to a response of another time. */
function stale(m: Model): void {
  const nonce = String(Math.max(0, m.nonces - 2));
  if (m.variant === "sotw") {
    if (m.nonces > 2 && m.lastNonce !== nonce && m.lastNonce !== "")
      m.toServer.push({ variant: "sotw", names: [...m.wanted, "zzz"], nonce, error: undefined });
  } else m.toServer.push({ variant: "delta", subscribe: [], unsubscribe: [], initial: new Map(), nonce, error: undefined });
}

/** Delivers everything until nobody has anything to say. */
function settle(m: Model): void {
  for (let turn = 0; turn < 1_000; turn++) {
    while (m.toServer.length > 0) run(m, { do: "deliver request" });
    flush(m);
    if (m.toClient.length === 0) return;
    while (m.toClient.length > 0) run(m, { do: "deliver response" });
  }
  assert.fail("client and server never fall silent");
}

describe("a subscription, whatever happens", () => {
  for (const variant of ["sotw", "delta"] as const) {
    for (const [type, typeUrl] of Object.entries(typeUrls)) {
      test(`whatever happens, the client ends up with exactly what it wants and can load (${type}, ${variant})`, () => {
        fc.assert(
          fc.property(fc.array(step, { maxLength: 60, size: "max" }), unloadable, (steps, bad) => {
            const m = model(variant, typeUrl, bad);
            for (const each of steps) run(m, each);
            settle(m);
            const fullState = variant === "sotw" && rulesOf(typeUrl).fullState;
            const desired = new Map([...m.content].filter(([name]) => m.wanted.has(name)));
            const blocked = [...desired].some((pair) => m.unloadable.has(pair.join(" ")));
            // One bad resource spoils a full-state response: what the client holds then is what it could load last.
            if (fullState && blocked) return;
            for (const [name, version] of desired) {
              if (!m.unloadable.has(`${name} ${version}`)) assert.equal(m.held.get(name), version, `${name} should be at ${version}`);
            }
            if (variant === "delta" || fullState) for (const name of m.held.keys()) assert(desired.has(name), `${name} should be gone`);
          }),
          { numRuns: 2_000 },
        );
      });
    }
  }
});
