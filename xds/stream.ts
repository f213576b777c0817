import type { Cache } from "./cache.ts";
import { DeltaDiscoveryRequest, DiscoveryRequest } from "./gen/envoy/service/discovery/v3/discovery.ts";
import { status } from "./grpc/status.ts";
import { type NodeInfo, parseNode } from "./node.ts";
import { typeUrls } from "./resource.ts";
import type { Encoder } from "./response.ts";
import { type Answer, createSubscription, type Item, type Lookup, type Request, type Subscription } from "./subscription.ts";
import { byDependency, rulesOf } from "./type-rules.ts";

/** Where a stream's responses go. */
export interface Wire {
  /** Sends a framed message. False: take no more until `drained` is called. */
  send(frame: Uint8Array): boolean;
  /** Ends the call with a status; nothing is sent after it. */
  fail(code: number, message: string): void;
}

/** A name subscribed by a request, and the version that the client says it holds. */
export interface Subscribed {
  readonly name: string;
  readonly claimed: string | undefined;
}

/** What happens on streams, for those who keep the books. Called in the middle of protocol work: take note, change the cache, return. */
export interface StreamObserver {
  opened(stream: XdsStream): void;
  /** `resuming`: a state-of-the-world client said that it holds something of this type already. */
  subscribed(stream: XdsStream, typeUrl: string, added: readonly Subscribed[], removed: readonly string[], resuming: boolean): void;
  answered(stream: XdsStream, typeUrl: string, answer: Answer): void;
  /** The client holds the current version since before it connected: nothing had to be sent. */
  settled(stream: XdsStream, typeUrl: string, item: Item): void;
  closed(stream: XdsStream): void;
}

export interface StreamLimits {
  /** Names and resources that one stream may have the server remember. */
  readonly names: number;
  /** Resource types on one stream. */
  readonly types: number;
}

export interface StreamOptions {
  /** Rises with each stream: the newest of a node has the highest. */
  readonly id: number;
  readonly variant: Request["variant"];
  /** The one type of a separate service; `undefined` on the aggregated one. */
  readonly typeUrl: string | undefined;
  readonly wire: Wire;
  readonly cache: Cache;
  readonly encoder: Encoder;
  readonly observer: StreamObserver;
  readonly limits: StreamLimits;
  /** Has `flush` called soon. */
  readonly schedule: (stream: XdsStream) => void;
  readonly ended: (stream: XdsStream) => void;
}

/** One discovery stream. Requests and changes mark what is due; `flush` sends what is due at that time, so what was overtaken is never sent. */
export interface XdsStream {
  readonly id: number;
  /** Known after the first request. */
  readonly node: NodeInfo | undefined;
  readonly subscriptions: ReadonlyMap<string, Subscription>;
  receive(message: Uint8Array): void;
  drained(): void;
  flush(): void;
  /** The call is over, whoever ended it. Safe to call again. */
  close(): void;
}

interface Typed {
  readonly typeUrl: string;
  readonly subscription: Subscription;
  readonly lookup: Lookup;
}

/** Why a stream must end. */
interface Problem {
  readonly code: number;
  readonly message: string;
}

interface Message {
  readonly typeUrl: string;
  readonly request: Request;
  readonly node: Parameters<typeof parseNode>[0];
  readonly resuming: boolean;
}

export function createStream(options: StreamOptions): XdsStream {
  const { variant, wire, cache, encoder, observer, limits } = options;
  const subscriptions = new Map<string, Subscription>();
  /** In the order of their dependencies. */
  let types: readonly Typed[] = [];
  let node: NodeInfo | undefined;
  let unwatch: (() => void) | undefined;
  let lastPush = 0;
  let blocked = false;
  let over = false;

  const stream: XdsStream = {
    id: options.id,
    get node() {
      return node;
    },
    subscriptions,
    receive,
    drained() {
      blocked = false;
      options.schedule(stream);
    },
    flush,
    close,
  };

  function receive(bytes: Uint8Array): void {
    if (over) return;
    const problem = accept(bytes);
    if (problem !== undefined) refuse(problem);
    else if (types.some(({ subscription }) => subscription.pending())) options.schedule(stream);
  }

  /** Takes a request; returns why the stream must end, if it must. */
  function accept(bytes: Uint8Array): Problem | undefined {
    const message = decode(variant, bytes);
    if (message === undefined) return invalid(`the request is not a valid ${variant === "delta" ? "Delta" : ""}DiscoveryRequest`);
    const problem = node === undefined ? open(message) : undefined;
    if (problem !== undefined) return problem;
    const typeUrl = message.typeUrl || options.typeUrl;
    if (typeUrl === undefined) return invalid("a request on the aggregated service must carry type_url");
    // A request for another type than the service's, or an answer to another type's response, is a client's slip: no reason to cut it off.
    if (options.typeUrl !== undefined && typeUrl !== options.typeUrl) return undefined;
    if (types.some((other) => other.typeUrl !== typeUrl && other.subscription.owns(message.request.nonce))) return undefined;
    const typed = find(typeUrl, message.request);
    if (typed === undefined) return exhausted(`a stream may carry at most ${limits.types} resource types`);
    apply(typed, message);
    const remembered = types.reduce((sum, { subscription }) => sum + subscription.size(), 0);
    return remembered > limits.names ? exhausted(`a stream may subscribe to at most ${limits.names} resources`) : undefined;
  }

  function open(message: Message): Problem | undefined {
    const parsed = parseNode(message.node);
    if (!parsed.ok) return invalid(parsed.error.message);
    node = parsed.value;
    unwatch = cache.watch(node.id, {
      changed(typeUrl, names) {
        const subscription = subscriptions.get(typeUrl);
        if (subscription === undefined) return;
        if (names === "all") subscription.touchAll();
        else subscription.touch(names);
        options.schedule(stream);
      },
    });
    observer.opened(stream);
    return undefined;
  }

  function find(typeUrl: string, request: Request): Typed | undefined {
    const found = types.find((typed) => typed.typeUrl === typeUrl);
    if (found !== undefined || types.length >= limits.types) return found;
    const subscription = createSubscription(request.variant, rulesOf(typeUrl));
    const typed = { typeUrl, subscription, lookup: cache.lookup(node?.id ?? "", typeUrl) };
    subscriptions.set(typeUrl, subscription);
    types = [...types, typed].sort((a, b) => byDependency(a.typeUrl, b.typeUrl));
    return typed;
  }

  function apply({ typeUrl, subscription }: Typed, { request, resuming }: Message): void {
    const { answer, added, removed } = subscription.receive(request);
    if (answer !== undefined) observer.answered(stream, typeUrl, answer);
    if (added.length === 0 && removed.length === 0) return;
    const claims = request.variant === "delta" ? request.initial : undefined;
    const claimed = added.map((name) => ({ name, claimed: claims?.get(name) }));
    observer.subscribed(stream, typeUrl, claimed, removed, resuming);
  }

  function flush(): void {
    if (over || blocked) return;
    for (const typed of types) if (!drain(typed, false)) return;
    for (const typed of types.toReversed()) if (!drain(typed, true)) return;
  }

  /** False when the wire takes no more. */
  function drain(typed: Typed, removals: boolean): boolean {
    const { typeUrl, subscription, lookup } = typed;
    for (;;) {
      const push = subscription.next(lookup, removals, (item) => observer.settled(stream, typeUrl, item));
      if (push === undefined) return true;
      const version = node && cache.version(node.id, typeUrl);
      const response = encoder.encode(variant, { typeUrl, resources: push.resources, removed: push.removed, version }, lastPush);
      lastPush = response.id;
      subscription.sent(push, response.nonce);
      if (push.updated.length > 0) followUp(typeUrl);
      blocked = !wire.send(response.frame);
      if (over || blocked) return false;
    }
  }

  /** A cluster that changes warms until its endpoints come again. https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#resource-warming */
  function followUp(typeUrl: string): void {
    if (typeUrl === typeUrls.cluster) subscriptions.get(typeUrls.endpoint)?.resend();
  }

  function refuse({ code, message }: Problem): void {
    close();
    wire.fail(code, message);
  }

  function close(): void {
    if (over) return;
    over = true;
    unwatch?.();
    if (node !== undefined) observer.closed(stream);
    options.ended(stream);
  }

  return stream;
}

function invalid(message: string): Problem {
  return { code: status.invalidArgument, message };
}

function exhausted(message: string): Problem {
  return { code: status.resourceExhausted, message };
}

/** `undefined` when the bytes are no request. */
function decode(variant: Request["variant"], bytes: Uint8Array): Message | undefined {
  try {
    return variant === "delta" ? decodeDelta(bytes) : decodeSotw(bytes);
  } catch {
    return undefined;
  }
}

function decodeSotw(bytes: Uint8Array): Message {
  const message = DiscoveryRequest.decode(bytes);
  return {
    typeUrl: message.typeUrl ?? "",
    node: message.node,
    resuming: (message.versionInfo ?? "") !== "",
    request: {
      variant: "sotw",
      names: message.resourceNames ?? [],
      nonce: message.responseNonce ?? "",
      error: message.errorDetail && (message.errorDetail.message ?? ""),
    },
  };
}

function decodeDelta(bytes: Uint8Array): Message {
  const message = DeltaDiscoveryRequest.decode(bytes);
  return {
    typeUrl: message.typeUrl ?? "",
    node: message.node,
    resuming: false,
    request: {
      variant: "delta",
      subscribe: message.resourceNamesSubscribe ?? [],
      unsubscribe: message.resourceNamesUnsubscribe ?? [],
      initial: new Map(Object.entries(message.initialResourceVersions ?? {})),
      nonce: message.responseNonce ?? "",
      error: message.errorDetail && (message.errorDetail.message ?? ""),
    },
  };
}
