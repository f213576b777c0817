import type { Digest } from "../../model/digest.ts";
import type { ProxyIdentity } from "../../model/identity.ts";
import type { Call, CallHandler } from "../grpc/call.ts";
import { status } from "../grpc/status.ts";
import type { Cache, Watcher } from "../protocol/cache.ts";
import { type Resource, typeUrls } from "../protocol/resource.ts";
import { createSubscription } from "../protocol/stream-subscription.ts";
import type { Lookup, Request, Subscription } from "../protocol/subscription.ts";
import { byDependency, rulesOf } from "../protocol/type-rules.ts";
import { exhausted, invalid, type Refusal, type StreamLimits, tooManyNames } from "./limits.ts";
import type { StreamMeter } from "./meter.ts";
import { type NodeInfo, parseNode } from "./node.ts";
import type { StreamObserver } from "./observer.ts";
import type { Remembered } from "./remembered.ts";
import { type DiscoveryMessage, decodeRequest } from "./request.ts";
import { excessOf } from "./request-bounds.ts";
import type { Encoder } from "./response.ts";

/** Where a stream's responses go, and what is known of who gets them. */
export interface Wire extends Pick<Call, "send" | "end"> {
  readonly connection?: Call["connection"];
  /** Who opened the call; absent: what its node says of itself counts. */
  readonly identity?: ProxyIdentity | undefined;
}

/** What all streams of a server share. */
export interface StreamContext {
  readonly cache: Cache;
  readonly encoder: Encoder;
  readonly observer: StreamObserver;
  readonly limits: StreamLimits;
  /** Names and resources that are remembered for all streams. */
  readonly remembered: Remembered;
  readonly meter: StreamMeter;
  /** Calls `flush` soon. */
  schedule(stream: XdsStream): void;
  ended(stream: XdsStream): void;
}

/** What a stream has of one resource type. */
interface Typed {
  readonly typeUrl: string;
  readonly subscription: Subscription;
  readonly lookup: Lookup;
}

/** Why a stream stops sending for now: the wire is full, others must have their turn, or the modules of this resource must be loaded first. */
type Halt = "full" | "late" | Resource;

/** One discovery stream. Requests and changes mark what is due. `flush` sends what is due at that time, so a version that was overtaken is never sent. */
export class XdsStream implements CallHandler, Watcher {
  /** Rises with each stream: the newest of a node has the highest. */
  readonly id: number;
  private readonly variant: Request["variant"];
  /** The one type of a separate service; `undefined` on the aggregated one. */
  private readonly typeUrl: string | undefined;
  private readonly wire: Wire;
  private readonly context: StreamContext;
  /** In the order of their dependencies. */
  private typed: readonly Typed[] = [];
  private opener: NodeInfo | undefined = undefined;
  private lastPush = 0;
  private blocked = false;
  private over = false;
  /** Its part of what is remembered. */
  private remembered = 0;

  constructor(id: number, variant: Request["variant"], typeUrl: string | undefined, wire: Wire, context: StreamContext) {
    this.id = id;
    this.variant = variant;
    this.typeUrl = typeUrl;
    this.wire = wire;
    this.context = context;
  }

  /** Known after the first request. */
  get node(): NodeInfo | undefined {
    return this.opener;
  }

  /** What carries it; `undefined`: nothing with a connection. */
  get connection(): Wire["connection"] {
    return this.wire.connection;
  }

  /** What it has of each type. */
  get types(): readonly Pick<Typed, "typeUrl" | "subscription">[] {
    return this.typed;
  }

  /** A request. */
  message(bytes: Uint8Array): void {
    if (this.over) return;
    const refusal = this.accept(bytes);
    if (refusal !== undefined) this.refuse(refusal);
    else if (this.isDue()) this.context.schedule(this);
  }

  drained(): void {
    this.blocked = false;
    this.context.schedule(this);
  }

  halfClosed(): void {
    this.closed();
    this.wire.end(status.ok);
  }

  /** The call is over, whoever ended it. Safe to call again. */
  closed(): void {
    if (this.over) return;
    this.over = true;
    this.count(0);
    if (this.opener !== undefined) {
      this.context.cache.unwatch(this.opener.key, this);
      this.context.observer.closed(this);
    }
    this.context.ended(this);
  }

  relabeled(labels: NodeInfo["labels"]): void {
    if (this.over || this.opener === undefined) return;
    this.opener = { ...this.opener, labels };
    this.context.observer.relabeled(this);
  }

  /** The cache has something new for its node. */
  changed(typeUrl: string, names: Iterable<string> | "all"): void {
    const subscription = this.find(typeUrl)?.subscription;
    if (subscription === undefined) return;
    if (names === "all") subscription.touchAll();
    else subscription.touch(names);
    this.context.schedule(this);
  }

  /** Sends what is due, until the meter's clock says `end`. `undefined`: nothing is left to send. */
  flush(end: number): Halt | undefined {
    if (this.over || this.blocked) return "full";
    const { typed } = this;
    let halt: Halt | undefined;
    for (const each of typed) {
      halt = this.drain(each, false, end);
      if (halt !== undefined) return halt;
    }
    for (let index = typed.length - 1; index >= 0 && halt === undefined; index--) {
      const each = typed[index];
      if (each !== undefined) halt = this.drain(each, true, end);
    }
    return halt;
  }

  /** A module of this resource could not be loaded. If the resource is still wanted, nothing is sent under its name until it is put into the cache again. */
  missing(resource: Resource, wasmDigest: Digest): void {
    const { cache, observer } = this.context;
    const { typeUrl, name, version } = resource;
    const current = this.find(typeUrl)?.lookup.get(name);
    if (this.over || this.opener === undefined || typeof current !== "object" || current.version !== version) return;
    cache.hold(this.opener.key, typeUrl, name);
    observer.missing(this, resource, wasmDigest);
  }

  private isDue(): boolean {
    for (const { subscription } of this.typed) if (subscription.pending()) return true;
    return false;
  }

  /** Takes a request; returns why the stream must end, if it must. */
  private accept(bytes: Uint8Array): Refusal | undefined {
    const { limits } = this.context;
    // A proxy that comes back asks for its names, and says which versions it holds.
    const excess = excessOf(this.variant, bytes, 2 * limits.names);
    if (excess !== undefined) return excess === "names" ? tooManyNames(limits) : exhausted(excess);
    const message = decodeRequest(this.variant, bytes, this.opener === undefined);
    if (message === undefined) return invalid(`the request is not a valid ${this.variant === "delta" ? "Delta" : ""}DiscoveryRequest`);
    const refusal = this.check(message) ?? (this.opener === undefined ? this.open(message) : undefined);
    if (refusal !== undefined) return refusal;
    const typeUrl = message.typeUrl || this.typeUrl;
    if (typeUrl === undefined) return invalid("a request on the aggregated service must carry type_url");
    // A request for another type than the service's, or an answer to another type's response, is ignored: it is no reason to end the stream.
    if (this.typeUrl !== undefined && typeUrl !== this.typeUrl) return undefined;
    for (const other of this.typed) if (other.typeUrl !== typeUrl && other.subscription.owns(message.request.nonce)) return undefined;
    const typed = this.find(typeUrl) ?? this.add(typeUrl);
    if (typed === undefined) return exhausted(`a stream may carry at most ${limits.types} resource types`);
    this.apply(typed, message);
    return undefined;
  }

  /** Counts before anything is applied or remembered. */
  private check({ typeUrl: named, request }: DiscoveryMessage): Refusal | undefined {
    const { limits } = this.context;
    const typeUrl = named || this.typeUrl;
    if (typeUrl === undefined) return invalid("a request on the aggregated service must carry type_url");
    let present = 0;
    let remembered = 0;
    let known = false;
    for (const each of this.typed) {
      known ||= each.typeUrl === typeUrl;
      present += each.subscription.size();
      remembered += each.typeUrl === typeUrl ? each.subscription.sizeAfter(request) : each.subscription.size();
    }
    if (!known) remembered += request.variant === "delta" ? request.subscribe.length + request.initial.size : request.names.length;
    if (remembered > 2 * limits.names) return tooManyNames(limits);
    const refusal = remembered > present ? this.context.remembered.refusal(this.carrier, remembered - this.remembered, limits) : undefined;
    if (refusal !== undefined) return refusal;
    this.count(remembered);
    return undefined;
  }

  private get carrier(): object {
    return this.wire.connection ?? this.wire;
  }

  private count(remembered: number): void {
    this.context.remembered.add(this.carrier, remembered - this.remembered);
    this.remembered = remembered;
  }

  private open(message: DiscoveryMessage): Refusal | undefined {
    const parsed = parseNode(message.node, this.wire.identity);
    if (!parsed.ok) {
      const { reason, message: why } = parsed.error;
      return reason === "NotYours" ? { code: status.permissionDenied, message: why } : invalid(why);
    }
    this.opener = parsed.value;
    this.context.cache.watch(parsed.value.key, this);
    this.context.observer.opened(this);
    return undefined;
  }

  private find(typeUrl: string): Typed | undefined {
    for (const typed of this.typed) if (typed.typeUrl === typeUrl) return typed;
    return undefined;
  }

  /** `undefined`: it has as many types as it may have. */
  private add(typeUrl: string): Typed | undefined {
    const { cache, limits } = this.context;
    if (this.typed.length >= limits.types) return undefined;
    const subscription = createSubscription(this.variant, rulesOf(typeUrl));
    const added = { typeUrl, subscription, lookup: cache.lookup(this.opener?.key ?? "", typeUrl) };
    this.typed = this.typed.length === 0 ? [added] : [...this.typed, added].sort((a, b) => byDependency(a.typeUrl, b.typeUrl));
    return added;
  }

  private apply({ typeUrl, subscription }: Typed, { request, resuming }: DiscoveryMessage): void {
    const { observer, meter } = this.context;
    const { answer, added, removed } = subscription.receive(request);
    if (answer !== undefined) {
      meter.answered(typeUrl, answer);
      observer.answered(this, typeUrl, answer);
    }
    if (added.length === 0 && removed.length === 0) return;
    const claims = request.variant === "delta" ? request.initial : undefined;
    const claimed = added.map((name) => ({ name, claimed: claims?.get(name) }));
    observer.subscribed(this, typeUrl, claimed, removed, resuming);
  }

  /** Sends what is due of one type. */
  private drain({ typeUrl, subscription, lookup }: Typed, removals: boolean, end: number): Halt | undefined {
    const { cache, encoder, observer, meter } = this.context;
    while (subscription.pending()) {
      const push = subscription.next(lookup, removals, (item) => observer.settled(this, typeUrl, item));
      if (push === undefined) break;
      const version = cache.version(this.opener?.key ?? "", typeUrl);
      const response = encoder.encode(this.variant, { typeUrl, resources: push.resources, removed: push.removed, version }, this.lastPush);
      if (response === undefined) return push.resources.find(({ modules }) => modules.length > 0);
      this.lastPush = response.id;
      const now = meter.now();
      subscription.sent(push, response.nonce, now);
      meter.sent(typeUrl);
      if (push.updated.length > 0) this.followUp(typeUrl);
      this.blocked = !this.wire.send(response.message);
      if (this.over || this.blocked) return "full";
      if (now > end) return "late";
    }
    return undefined;
  }

  /** A cluster that changes warms until its endpoints come again. https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#resource-warming */
  private followUp(typeUrl: string): void {
    if (typeUrl === typeUrls.cluster) this.find(typeUrls.endpoint)?.subscription.resend();
  }

  private refuse({ code, message }: Refusal): void {
    this.closed();
    this.wire.end(code, message);
  }
}
