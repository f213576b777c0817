import assert from "node:assert/strict";
import type { Node } from "../gen/envoy/config/core/v3/base.ts";
import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from "../gen/envoy/service/discovery/v3/discovery.ts";
import type { Request } from "../protocol/subscription.ts";
import { rulesOf } from "../protocol/type-rules.ts";
import { discoveryServices } from "../services/names.ts";
import { connectGrpc, type Status } from "./grpc-client.ts";

export type Variant = Request["variant"];

/** A response of either variant, taken apart. */
export interface Received {
  readonly typeUrl: string;
  readonly nonce: string;
  readonly version: string;
  /** Name -> version and bytes of what came. In the state-of-the-world variant the version is the response's. */
  readonly resources: ReadonlyMap<string, { readonly version: string; readonly value: Buffer }>;
  readonly removed: readonly string[];
  readonly size: number;
}

export interface TestClientOptions {
  readonly port: number;
  readonly variant: Variant;
  /** A separate service of this type; absent: the aggregated service. */
  readonly separate?: string;
  readonly node?: Node;
  /** Reads the name of a resource out of its bytes (the state-of-the-world variant does not carry it). */
  readonly nameOf?: (typeUrl: string, value: Buffer) => string;
}

/**
 * An xDS client over a real socket that judges every response by the protocol's invariants as it comes, and fails the test when one is
 * broken: a nonce that was seen before, a name twice in a response, a name or a type it never asked for, content it rejected,
 * a removal in the state-of-the-world variant, more than one resource in a response where the type allows fewer.
 */
export interface TestClient {
  readonly variant: Variant;
  /** Sends a request as it is; the node goes with the first. */
  send(request: Partial<DiscoveryRequest> & Partial<DeltaDiscoveryRequest>): void;
  sendRaw(bytes: Uint8Array): void;
  /** Subscribes to these names on top of what is subscribed, as each variant says it. */
  subscribe(typeUrl: string, names: readonly string[], initial?: Readonly<Record<string, string>>): void;
  unsubscribe(typeUrl: string, names: readonly string[]): void;
  /** A first request without names. */
  wildcard(typeUrl: string): void;
  /** Acknowledges everything until the server falls silent. */
  settle(): Promise<void>;
  ack(response: Received): void;
  nack(response: Received, message?: string): void;
  /** The next response. Rejects when the stream ends or none comes in time. */
  next(typeUrl?: string): Promise<Received>;
  /** Resolves after a round trip through the server, with the responses that came meanwhile unread: none is expected. */
  expectSilence(): Promise<void>;
  /** What the client holds of a type: name -> version. */
  held(typeUrl: string): ReadonlyMap<string, string>;
  /** All responses so far. */
  readonly responses: readonly Received[];
  /** How the stream ended. */
  readonly ended: Promise<Status>;
  pause(): void;
  resume(): void;
  close(): void;
}

const DEADLINE_MS = 10_000;
const HEALTH = "/grpc.health.v1.Health/Check";

export function connect(options: TestClientOptions): TestClient {
  const { variant } = options;
  const connection = connectGrpc(options.port);
  const service = discoveryServices.find(({ typeUrl }) => typeUrl === options.separate);
  assert(service, `no service for ${options.separate}`);
  const call = connection.call(`/${service.name}/${service[variant]}`, receive);
  const node: Node = options.node ?? { id: "test" };
  const subscribed = new Map<string, Set<string>>();
  const held = new Map<string, Map<string, string>>();
  const lastNonce = new Map<string, string>();
  const nonces = new Set<string>();
  const rejected = new Set<string>();
  const responses: Received[] = [];
  const unread: Received[] = [];
  const waiters: (() => void)[] = [];
  let first = true;
  let lastWrite: Promise<unknown> = Promise.resolve();
  let broken: Error | undefined;
  let status: Status | undefined;

  const ended = call.ended.then((how) => {
    status = how;
    wake();
    connection.close();
    return how;
  });

  function receive(bytes: Buffer): void {
    try {
      const response = variant === "delta" ? readDelta(bytes) : readSotw(bytes, options.nameOf ?? firstField);
      judge(response);
      take(response);
      responses.push(response);
      unread.push(response);
    } catch (error) {
      broken ??= error as Error;
    }
    wake();
  }

  function wake(): void {
    for (const waiter of waiters.splice(0)) waiter();
  }

  function judge(response: Received): void {
    const { typeUrl, nonce, resources, removed } = response;
    assert(nonce !== "", "a response carries a nonce");
    assert(!nonces.has(nonce), `nonce ${nonce} comes twice on a stream`);
    nonces.add(nonce);
    const names = subscribed.get(typeUrl);
    assert(names, `a response of type ${typeUrl}, which was never asked for`);
    if (variant === "sotw") assert.deepEqual(removed, []);
    if (variant === "delta" || !rulesOf(typeUrl).fullState) assert(resources.size <= 1, "one resource in each response");
    for (const [name, { version }] of resources) {
      assert(!removed.includes(name), `${name} is both sent and removed`);
      assert(!rejected.has(`${typeUrl} ${name} ${version}`), `${name} at ${version} was rejected and comes again`);
    }
  }

  function take({ typeUrl, resources, removed }: Received): void {
    const now = held.get(typeUrl) ?? new Map<string, string>();
    if (variant === "sotw" && rulesOf(typeUrl).fullState) now.clear();
    for (const [name, { version }] of resources) now.set(name, version);
    for (const name of removed) now.delete(name);
    held.set(typeUrl, now);
  }

  function send(request: Partial<DiscoveryRequest> & Partial<DeltaDiscoveryRequest>): void {
    const message = first ? { node, ...request } : request;
    first = false;
    if (request.typeUrl !== undefined && !subscribed.has(request.typeUrl)) subscribed.set(request.typeUrl, new Set());
    sendRaw(variant === "delta" ? DeltaDiscoveryRequest.encode(message).finish() : DiscoveryRequest.encode(message).finish());
  }

  function sendRaw(bytes: Uint8Array): void {
    lastWrite = call.write(bytes);
  }

  function answer({ typeUrl, nonce, version }: Received, message: string | undefined): void {
    lastNonce.set(typeUrl, nonce);
    const errorDetail = message === undefined ? {} : { errorDetail: { code: 3, message } };
    if (variant === "delta") send({ typeUrl, responseNonce: nonce, ...errorDetail });
    else send({ typeUrl, responseNonce: nonce, versionInfo: version, resourceNames: [...(subscribed.get(typeUrl) ?? [])], ...errorDetail });
  }

  function change(typeUrl: string, names: readonly string[], add: boolean, initial: Readonly<Record<string, string>>): void {
    const now = subscribed.get(typeUrl) ?? new Set();
    subscribed.set(typeUrl, now);
    for (const name of names) add ? now.add(name) : now.delete(name);
    if (!add) for (const name of names) held.get(typeUrl)?.delete(name);
    for (const [name, version] of Object.entries(initial)) held.set(typeUrl, (held.get(typeUrl) ?? new Map()).set(name, version));
    if (variant === "sotw") send({ typeUrl, resourceNames: [...now], responseNonce: lastNonce.get(typeUrl) ?? "" });
    else if (add) send({ typeUrl, resourceNamesSubscribe: [...names], initialResourceVersions: { ...initial } });
    else send({ typeUrl, resourceNamesUnsubscribe: [...names] });
  }

  async function next(typeUrl?: string): Promise<Received> {
    const deadline = Date.now() + DEADLINE_MS;
    for (;;) {
      if (broken !== undefined) throw broken;
      const index = unread.findIndex((response) => typeUrl === undefined || response.typeUrl === typeUrl);
      const [found] = index < 0 ? [] : unread.splice(index, 1);
      if (found !== undefined) return found;
      if (status !== undefined) throw new Error(`the stream ended: ${status.code} ${status.details}`);
      if (Date.now() > deadline) throw new Error(`no response of ${typeUrl ?? "any type"} in ${DEADLINE_MS} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, DEADLINE_MS);
        waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** One connection keeps its order: what the server sent before it saw this call has come when the call is answered. */
  async function roundTrip(): Promise<void> {
    await Promise.race([lastWrite, ended]);
    const check = connection.call(HEALTH, () => {});
    void check.write(Buffer.alloc(0));
    assert.equal((await check.ended).code, 0);
  }

  return {
    variant,
    send,
    sendRaw,
    subscribe: (typeUrl, names, initial = {}) => change(typeUrl, names, true, initial),
    unsubscribe: (typeUrl, names) => change(typeUrl, names, false, {}),
    wildcard: (typeUrl) => change(typeUrl, [], true, {}),
    async settle() {
      for (let turn = 0; turn < 100; turn++) {
        await roundTrip();
        await roundTrip();
        if (broken !== undefined) throw broken;
        if (unread.length === 0) return;
        for (const response of unread.splice(0)) answer(response, undefined);
      }
      throw new Error("the server never falls silent");
    },
    ack: (response) => answer(response, undefined),
    nack(response, message = "rejected by the test") {
      for (const [name, { version }] of response.resources) rejected.add(`${response.typeUrl} ${name} ${version}`);
      answer(response, message);
    },
    next,
    async expectSilence() {
      // The first brings our requests there, the second what they led to.
      await roundTrip();
      await roundTrip();
      if (broken !== undefined) throw broken;
      assert.deepEqual(
        unread.map(({ typeUrl, resources, removed }) => ({ typeUrl, names: [...resources.keys()], removed })),
        [],
        "no response was due",
      );
    },
    held: (typeUrl) => held.get(typeUrl) ?? new Map(),
    responses,
    ended,
    pause: call.pause,
    resume: call.resume,
    close() {
      call.cancel();
      connection.close();
    },
  };
}

function readDelta(bytes: Buffer): Received {
  const message = DeltaDiscoveryResponse.decode(bytes);
  const resources = new Map<string, { version: string; value: Buffer }>();
  for (const { name = "", version = "", resource, ttl } of message.resources ?? []) {
    assert.equal(ttl, undefined, "a time to live only for clients that say they know it");
    assert(!resources.has(name), `${name} comes twice in a response`);
    assert.equal(resource?.typeUrl, message.typeUrl);
    resources.set(name, { version, value: resource?.value ?? Buffer.alloc(0) });
  }
  return { ...common(message, message.systemVersionInfo, bytes), resources, removed: message.removedResources ?? [] };
}

function readSotw(bytes: Buffer, nameOf: (typeUrl: string, value: Buffer) => string): Received {
  const message = DiscoveryResponse.decode(bytes);
  const version = message.versionInfo ?? "";
  const resources = new Map<string, { version: string; value: Buffer }>();
  for (const { typeUrl = "", value = Buffer.alloc(0) } of message.resources ?? []) {
    const name = nameOf(typeUrl, value);
    assert(!resources.has(name), `${name} comes twice in a response`);
    assert.equal(typeUrl, message.typeUrl);
    resources.set(name, { version, value });
  }
  return { ...common(message, version, bytes), resources, removed: [] };
}

function common({ typeUrl = "", nonce = "" }: { typeUrl?: string | undefined; nonce?: string | undefined }, version = "", bytes: Buffer) {
  return { typeUrl, nonce, version, size: bytes.length };
}

/** The name of every resource type served here is the message's field 1. */
function firstField(_typeUrl: string, value: Buffer): string {
  assert.equal(value[0], 10, "the resource starts with its name");
  const length = value[1] ?? 0;
  assert(length < 128, "the name is short");
  return value.subarray(2, 2 + length).toString();
}
