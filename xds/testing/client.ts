import assert from "node:assert/strict";
import type { Node } from "../gen/envoy/config/core/v3/base.ts";
import { DeltaDiscoveryRequest, DiscoveryRequest } from "../gen/envoy/service/discovery/v3/discovery.ts";
import { discoveryServices } from "../services/names.ts";
import { connectGrpc, type Status, type TestCall, type TestConnection } from "./grpc-client.ts";
import { Inbox } from "./inbox.ts";
import { Invariants } from "./invariants.ts";
import { firstField, type Received, readDelta, readSotw, type Variant } from "./received.ts";

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

const HEALTH = "/grpc.health.v1.Health/Check";

export function connect(options: TestClientOptions): TestClient {
  return new DiscoveryClient(options);
}

class DiscoveryClient implements TestClient {
  readonly variant: Variant;
  readonly responses: Received[] = [];
  readonly ended: Promise<Status>;
  private readonly options: TestClientOptions;
  private readonly connection: TestConnection;
  private readonly call: TestCall;
  private readonly invariants: Invariants;
  private readonly inbox = new Inbox();
  private readonly lastNonce = new Map<string, string>();
  private lastWrite: Promise<unknown> = Promise.resolve();
  private first = true;

  constructor(options: TestClientOptions) {
    const { variant, separate, port } = options;
    this.options = options;
    this.variant = variant;
    this.invariants = new Invariants(variant);
    this.connection = connectGrpc(port);
    const service = discoveryServices.find(({ typeUrl }) => typeUrl === separate);
    assert(service, `no service for ${separate}`);
    this.call = this.connection.call(`/${service.name}/${service[variant]}`, (bytes) => this.receive(bytes));
    this.ended = this.call.ended.then((status) => {
      this.inbox.end(status);
      this.connection.close();
      return status;
    });
  }

  send(request: Partial<DiscoveryRequest> & Partial<DeltaDiscoveryRequest>): void {
    const message = this.first ? { node: this.options.node ?? { id: "test" }, ...request } : request;
    this.first = false;
    if (request.typeUrl !== undefined) this.invariants.names(request.typeUrl);
    this.sendRaw((this.variant === "delta" ? DeltaDiscoveryRequest : DiscoveryRequest).encode(message).finish());
  }

  sendRaw(bytes: Uint8Array): void {
    this.lastWrite = this.call.write(bytes);
  }

  subscribe(typeUrl: string, names: readonly string[], initial: Readonly<Record<string, string>> = {}): void {
    const subscribed = this.invariants.names(typeUrl);
    for (const name of names) subscribed.add(name);
    for (const [name, version] of Object.entries(initial)) this.invariants.holding(typeUrl).set(name, version);
    if (this.variant === "sotw") this.sendNames(typeUrl);
    else this.send({ typeUrl, resourceNamesSubscribe: [...names], initialResourceVersions: { ...initial } });
  }

  unsubscribe(typeUrl: string, names: readonly string[]): void {
    for (const name of names) {
      this.invariants.names(typeUrl).delete(name);
      this.invariants.holding(typeUrl).delete(name);
    }
    if (this.variant === "sotw") this.sendNames(typeUrl);
    else this.send({ typeUrl, resourceNamesUnsubscribe: [...names] });
  }

  wildcard(typeUrl: string): void {
    this.subscribe(typeUrl, []);
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 100; turn++) {
      await this.roundTrip();
      await this.roundTrip();
      const responses = this.inbox.takeAll();
      if (responses.length === 0) return;
      for (const response of responses) this.ack(response);
    }
    throw new Error("the server never falls silent");
  }

  ack(response: Received): void {
    this.answer(response, undefined);
  }

  nack(response: Received, message = "rejected by the test"): void {
    this.invariants.reject(response);
    this.answer(response, message);
  }

  next(typeUrl?: string): Promise<Received> {
    return this.inbox.next(typeUrl);
  }

  async expectSilence(): Promise<void> {
    // The first brings our requests there, the second what they led to.
    await this.roundTrip();
    await this.roundTrip();
    assert.deepEqual(
      this.inbox.peekAll().map(({ typeUrl, resources, removed }) => ({ typeUrl, names: [...resources.keys()], removed })),
      [],
      "no response was due",
    );
  }

  held(typeUrl: string): ReadonlyMap<string, string> {
    return this.invariants.holding(typeUrl);
  }

  pause(): void {
    this.call.pause();
  }

  resume(): void {
    this.call.resume();
  }

  close(): void {
    this.call.cancel();
    this.connection.close();
  }

  private receive(bytes: Buffer): void {
    try {
      const response = this.variant === "delta" ? readDelta(bytes) : readSotw(bytes, this.options.nameOf ?? firstField);
      this.invariants.accept(response);
      this.responses.push(response);
      this.inbox.push(response);
    } catch (error) {
      this.inbox.fail(error as Error);
    }
  }

  private answer({ typeUrl, nonce, version }: Received, message: string | undefined): void {
    this.lastNonce.set(typeUrl, nonce);
    const errorDetail = message === undefined ? {} : { errorDetail: { code: 3, message } };
    if (this.variant === "delta") this.send({ typeUrl, responseNonce: nonce, ...errorDetail });
    else {
      const resourceNames = [...this.invariants.names(typeUrl)];
      this.send({ typeUrl, responseNonce: nonce, versionInfo: version, resourceNames, ...errorDetail });
    }
  }

  private sendNames(typeUrl: string): void {
    this.send({ typeUrl, resourceNames: [...this.invariants.names(typeUrl)], responseNonce: this.lastNonce.get(typeUrl) ?? "" });
  }

  /** One connection keeps its order: what the server sent before it saw this call has come when the call is answered. */
  private async roundTrip(): Promise<void> {
    await Promise.race([this.lastWrite, this.ended]);
    const check = this.connection.call(HEALTH, () => {});
    void check.write(Buffer.alloc(0));
    assert.equal((await check.ended).code, 0);
  }
}
