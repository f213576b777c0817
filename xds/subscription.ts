import { ClientState, type Held, NONE } from "./client-state.ts";
import { contentOf, dropAbsent, wholeOf } from "./full-state.ts";
import type { Resource } from "./resource.ts";
import type { TypeRules } from "./type-rules.ts";
import { type SentResponse, Unanswered } from "./unanswered.ts";

/** What a node may see of one type. */
export interface Lookup {
  /** The resource; `absent`: there is none; `unknown`: not decided yet, answer nothing. */
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
}

/** What a request said about an earlier response. */
export interface Answer {
  readonly items: readonly Item[];
  /** Set when the response was rejected. */
  readonly error: string | undefined;
}

/** What a request changed. */
export interface Received {
  readonly answer: Answer | undefined;
  /** Names subscribed by this request that were not before. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** A response to send: whole, and only if `sent` is called. */
export interface Push {
  readonly resources: readonly Resource[];
  readonly removed: readonly string[];
  /** Names whose resource replaces another version that the client had. */
  readonly updated: readonly string[];
  /** Names that are gone, and in `resources` as the client has them because their removal waits. */
  readonly retained: readonly string[];
}

export interface NameStatus {
  readonly name: string;
  readonly version: string | undefined;
  /** `claimed`: the client said so when it connected; nothing was sent. */
  readonly state: "claimed" | "sent" | "acked" | "rejected";
  readonly error: string | undefined;
}

/**
 * What one stream wants of one type, what it was sent and what it said about it: the protocol's rules, for both variants, with no I/O.
 * The caller feeds it requests and changes, then asks for the `next` response until there is none.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol
 */
export interface Subscription {
  /** Names subscribed one by one. */
  readonly names: ReadonlySet<string>;
  readonly wildcard: boolean;
  receive(request: Request): Received;
  /** These resources may have changed. */
  touch(names: Iterable<string>): void;
  touchAll(): void;
  /** Sends every subscribed resource again, changed or not. */
  resend(): void;
  /** False when there is nothing that `next` could be asked for. */
  pending(): boolean;
  /**
   * The next response, if one is due. With `removals` false, what is gone stays with the client for now.
   * `settled` is called with the names that the client claimed to hold when it connected, once that proves to be the current version.
   */
  next(lookup: Lookup, removals: boolean, settled: (item: Item) => void): Push | undefined;
  /** The response that `next` returned is on its way under this nonce, which must be new to the stream. */
  sent(push: Push, nonce: string): void;
  /** True when this nonce belongs to a response of this subscription: one without an answer, or the newest. */
  owns(nonce: string): boolean;
  /** How many names and resources this subscription remembers: its share of the stream's bound. */
  size(): number;
  statuses(): IterableIterator<NameStatus>;
}

export function createSubscription(variant: Request["variant"], rules: TypeRules): Subscription {
  return new StreamSubscription(variant, rules);
}

class StreamSubscription implements Subscription {
  private readonly client: ClientState;
  private readonly unanswered = new Unanswered();
  /** True when the newest response was rejected. */
  private refused = false;

  constructor(variant: Request["variant"], rules: TypeRules) {
    this.client = new ClientState(variant, rules);
  }

  get names(): ReadonlySet<string> {
    return this.client.names;
  }

  get wildcard(): boolean {
    return this.client.wildcard;
  }

  receive(request: Request): Received {
    const { nonce, error } = request;
    const response = nonce === "" ? undefined : this.unanswered.take(nonce);
    if (response !== undefined && nonce === this.unanswered.lastNonce) this.refused = error !== undefined;
    const { added, removed } = request.variant === "delta" ? this.client.applyDelta(request) : this.applySotw(request);
    // After the names, which say what of the answer still counts.
    const answer = response && this.settle(response, request);
    this.client.started = true;
    return { answer, added, removed };
  }

  touch(names: Iterable<string>): void {
    this.client.touch(names);
  }

  touchAll(): void {
    this.client.checkAll = true;
  }

  resend(): void {
    this.client.resend();
  }

  pending(): boolean {
    const { dirty, checkAll, mustAnswer } = this.client;
    return dirty.size > 0 || checkAll || mustAnswer;
  }

  next(lookup: Lookup, removals: boolean, settled: (item: Item) => void): Push | undefined {
    const { client } = this;
    if (client.checkAll && !this.markAll(lookup) && client.names.size === 0) return undefined;
    if (client.dirty.size === 0 && !client.mustAnswer) return undefined;
    let gone: string[] | undefined;
    let changed = false;
    for (const name of client.dirty) {
      const verdict = this.check(name, lookup, settled);
      if (verdict === "later") continue;
      if (verdict === "done") client.dirty.delete(name);
      else if (verdict !== "gone") {
        // One resource in a response, where the type allows it: a rejection then concerns no other, and its bytes serve every stream.
        if (!client.fullState)
          return { resources: [verdict], removed: NONE, updated: client.isUpdate(verdict) ? [name] : NONE, retained: NONE };
        changed = true;
      } else if (removals || client.held.get(name)?.version === undefined) {
        gone ??= [];
        gone.push(name);
      }
    }
    if (client.fullState) return this.nextFullState(lookup, removals, changed || gone !== undefined);
    const empty = client.mustAnswer && lookup.all() !== undefined;
    return gone !== undefined || empty ? { resources: NONE, removed: gone ?? NONE, updated: NONE, retained: NONE } : undefined;
  }

  sent(push: Push, nonce: string): void {
    const { client } = this;
    const { fullState } = client;
    const items: Item[] = push.resources.map(itemOf);
    const waitsFor = client.rules.inTurn ? nonce : "";
    for (const resource of push.resources) {
      client.hold(resource.name, resource.version, fullState ? resource : undefined, "sent", waitsFor);
      client.done(resource.name);
    }
    for (const name of push.removed) {
      if (client.names.has(name)) client.hold(name, undefined, undefined, "sent", waitsFor);
      else client.held.delete(name);
      items.push({ name, version: undefined });
      client.done(name);
    }
    if (fullState) dropAbsent(client, push);
    for (const name of push.retained) client.dirty.add(name);
    client.mustAnswer = false;
    this.refused = false;
    const lost = this.unanswered.add({ nonce, items, whole: fullState ? contentOf(push) : undefined });
    if (lost !== undefined) this.giveUp(lost);
  }

  owns(nonce: string): boolean {
    return nonce !== "" && (nonce === this.unanswered.lastNonce || this.unanswered.has(nonce));
  }

  size(): number {
    return this.client.names.size + this.client.held.size;
  }

  *statuses(): IterableIterator<NameStatus> {
    const { names, held, rejections } = this.client;
    for (const [name, { version, state }] of held) {
      const rejected = state === "rejected" && version !== undefined;
      const error = rejected ? (rejections.message(name, version) ?? rejections.lastMessage("")) : undefined;
      yield { name, version, state, error };
    }
    for (const name of names) if (!held.has(name)) yield { name, version: undefined, state: "sent", error: undefined };
  }

  private applySotw(request: SotwRequest) {
    const { lastNonce } = this.unanswered;
    // A request that answers an older response is overtaken: the answer to the newest one carries the names that count.
    const overtaken = request.nonce !== "" && lastNonce !== "" && request.nonce !== lastNonce;
    return overtaken ? this.client.narrow(request) : this.client.applySotw(request, this.refused);
  }

  private settle({ nonce, items, whole }: SentResponse, request: Request): Answer {
    const { error } = request;
    if (error !== undefined) this.reject(items, whole, request, error);
    for (const { name, version } of items) {
      const held = this.client.held.get(name);
      if (held === undefined) continue;
      // What changed meanwhile is still marked.
      if (held.waitsFor === nonce) held.waitsFor = "";
      if (version === undefined || held.version !== version || held.state === "rejected") continue;
      held.state = error === undefined ? "acked" : "rejected";
    }
    return { items, error };
  }

  /** No answer to this response will count: its names need not wait for it. */
  private giveUp({ nonce, items }: SentResponse): void {
    for (const { name } of items) {
      const held = this.client.held.get(name);
      if (held?.waitsFor === nonce) held.waitsFor = "";
    }
  }

  private reject(items: readonly Item[], whole: string | undefined, request: Request, error: string): void {
    const { client } = this;
    if (whole !== undefined) {
      client.rejections.add("", whole, error);
      return;
    }
    for (const { name, version } of items) {
      const wanted = client.covers(name) || (request.variant === "sotw" && request.names.includes(name));
      if (version !== undefined && wanted) client.rejections.add(name, version, error);
    }
  }

  /** False while it is not decided what the wildcard stands for. */
  private markAll(lookup: Lookup): boolean {
    const everything = this.client.wildcard ? lookup.all() : undefined;
    if (this.client.wildcard && everything === undefined) return false;
    this.client.markAll(everything);
    return true;
  }

  private check(name: string, lookup: Lookup, settled: (item: Item) => void): Resource | "gone" | "done" | "later" {
    const { client } = this;
    if (!client.covers(name)) return "done";
    const held = client.held.get(name);
    if (held !== undefined && held.waitsFor !== "") return "later";
    const found = lookup.get(name);
    if (found === "unknown") return "done";
    if (found === "absent") return this.checkAbsent(name, held);
    if (client.rejections.has(name, found.version)) {
      client.unforce(name);
      return "done";
    }
    if (held?.version !== found.version || client.isForced(name)) return found;
    if (held.state === "claimed") {
      held.state = "acked";
      settled(found);
    }
    return "done";
  }

  private checkAbsent(name: string, held: Held | undefined): "gone" | "done" {
    const { client } = this;
    const known = held?.version !== undefined;
    if (client.variant === "delta")
      return known || client.isForced(name) || (held === undefined && client.names.has(name)) ? "gone" : "done";
    if (client.fullState && known) return "gone";
    // State of the world has no words for the absence of these: the client waits, and gets it should it ever come to be.
    client.hold(name, undefined, undefined, "acked", "");
    client.unforce(name);
    return "done";
  }

  private nextFullState(lookup: Lookup, removals: boolean, due: boolean): Push | undefined {
    const { client } = this;
    const everything = lookup.all();
    if (everything === undefined || (!due && !client.mustAnswer)) return undefined;
    const push = wholeOf(client, everything, removals);
    if (!client.rejections.has("", contentOf(push))) return push;
    for (const name of client.dirty) if (removals || everything.has(name)) client.dirty.delete(name);
    client.unforceAll();
    client.mustAnswer = false;
    return undefined;
  }
}

function itemOf({ name, version }: Resource): Item {
  return { name, version };
}
