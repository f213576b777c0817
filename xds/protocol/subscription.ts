import type { Resource } from "./resource.ts";

/** The resources of one type that a node may see. */
export interface Lookup {
  /** The resource; `absent`: there is none; `unknown`: not decided yet, so no answer is due. */
  get(name: string): Resource | "absent" | "unknown";
  /** Everything a wildcard stands for; `undefined`: not decided yet. */
  all(): ReadonlyMap<string, Resource> | undefined;
}

/** A discovery request of either variant, reduced to what the subscription of its type needs. */
export type Request = SotwRequest | DeltaRequest;

export interface SotwRequest {
  readonly variant: "sotw";
  readonly names: readonly string[];
  readonly nonce: string;
  /** error_detail.message; `undefined` when error_detail is absent. */
  readonly error: string | undefined;
}

export interface DeltaRequest {
  readonly variant: "delta";
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** initial_resource_versions: name -> version. Read in the first request only. */
  readonly initial: ReadonlyMap<string, string>;
  readonly nonce: string;
  readonly error: string | undefined;
}

/** One resource of a response, as it was sent. `version` undefined: it was reported as removed. */
export interface Item {
  readonly name: string;
  readonly version: string | undefined;
  /** As the resource has it. */
  readonly confidential?: Resource["confidential"];
}

/** What a request said about an earlier response. */
export interface Answer {
  readonly items: readonly Item[];
  /** Set when the response was rejected: the client's own words, as far as they may be kept. */
  readonly error: string | undefined;
  /** When the response was sent, as `sent` was told. */
  readonly sentAt: number;
}

/** What a request changed. */
export interface Received {
  readonly answer: Answer | undefined;
  /** Names subscribed by this request that were not before. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** A response to send. It counts as sent, as a whole, only once `sent` is called. */
export interface Push {
  readonly resources: readonly Resource[];
  readonly removed: readonly string[];
  /** Names whose resource replaces another version that the client had. */
  readonly updated: readonly string[];
  /** Names that are gone but still in `resources`, as the client has them: their removal waits. */
  readonly retained: readonly string[];
}

export interface NameStatus {
  readonly name: string;
  readonly version: string | undefined;
  /** `claimed`: the client said when it connected that it holds this; it was not sent. */
  readonly state: "claimed" | "sent" | "acked" | "rejected";
  readonly error: string | undefined;
}

/** What a client rejected and is meant to hold all the same. */
export interface RejectedVersion {
  readonly version: string;
  /** The client's own words. */
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/**
 * What one stream subscribes to of one type, what it was sent, and what it answered: the rules of the protocol, for both variants, without I/O.
 * The caller feeds it requests and changes, then asks for the `next` response until there is none.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol
 */
export interface Subscription {
  /** Names subscribed one by one. */
  readonly names: ReadonlySet<string>;
  receive(request: Request): Received;
  /** These resources may have changed. */
  touch(names: Iterable<string>): void;
  touchAll(): void;
  /** Sends every subscribed resource again, changed or not. */
  resend(): void;
  /** False when `next` would have nothing to return. */
  pending(): boolean;
  /**
   * The next response, if one is due. With `removals` false, what is gone stays with the client for now.
   * `settled` is called with the names that the client claimed to hold when it connected, once that proves to be the current version.
   */
  next(lookup: Lookup, removals: boolean, settled: (item: Item) => void): Push | undefined;
  /** The response that `next` returned is on its way under this nonce, which must be new to the stream. `now`: in milliseconds, of any clock. */
  sent(push: Push, nonce: string, now: number): void;
  /** True when this nonce belongs to a response of this subscription: one without an answer, or the newest. */
  owns(nonce: string): boolean;
  /** How many names and resources this subscription remembers: its share of the stream's bound. */
  size(): number;
  /** What `size` would be after this request. Nothing is changed. */
  sizeAfter(request: Request): number;
  statuses(): IterableIterator<NameStatus>;
}
