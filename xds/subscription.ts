import type { Resource } from "./resource.ts";
import type { TypeRules } from "./type-rules.ts";

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

/** What the client holds under a name. */
interface Held {
  /** `undefined`: it was told that there is none. */
  readonly version: string | undefined;
  /** Kept for full-state responses only, which must repeat it while its removal waits. */
  readonly resource: Resource | undefined;
  /** `claimed`: the client said so when it connected; nothing was sent. */
  readonly state: "claimed" | "sent" | "acked" | "rejected";
}

export interface NameStatus {
  readonly name: string;
  readonly version: string | undefined;
  readonly state: Held["state"];
  readonly error: string | undefined;
}

/** How many rejected contents of a name are remembered, so that none of them is sent again. */
const MAX_REJECTED = 32;
/** How many responses may be without an answer before the oldest is given up on. */
const MAX_UNANSWERED = 1024;

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
  const names = new Set<string>();
  const held = new Map<string, Held>();
  /** Name -> rejected version -> what the client said. In full-state responses the name is empty and the version stands for all of it. */
  const rejected = new Map<string, Map<string, string>>();
  const unanswered = new Map<string, { readonly items: readonly Item[]; readonly whole: string | undefined }>();
  /** Names that must not be sent again before this nonce is answered. */
  const waiting = new Map<string, string>();
  const dirty = new Set<string>();
  const forced = new Set<string>();
  const fullState = variant === "sotw" && rules.fullState;
  let wildcard = false;
  let explicit = false;
  let everNamed = false;
  let started = false;
  let checkAll = false;
  let forceAll = false;
  let mustAnswer = false;
  let lastNonce = "";
  /** True when the newest response was rejected. */
  let refused = false;

  const covers = (name: string) => wildcard || names.has(name);

  function receive(request: Request): Received {
    const change = { added: [] as string[], removed: [] as string[] };
    if (request.nonce !== "" && request.nonce === lastNonce && unanswered.has(lastNonce)) refused = request.error !== undefined;
    if (request.variant === "delta") applyDelta(request, change);
    // A request that answers an older response is overtaken: the answer to the newest one carries the names that count.
    else if (request.nonce === "" || lastNonce === "" || request.nonce === lastNonce) applySotw(request, change);
    else narrow(request, change);
    // After the names, which say what of the answer still counts.
    const answer = request.nonce === "" ? undefined : settle(request);
    started = true;
    return { answer, ...change };
  }

  function settle(request: Request): Answer | undefined {
    const { nonce, error } = request;
    const response = unanswered.get(nonce);
    if (response === undefined) return undefined;
    unanswered.delete(nonce);
    const wanted = (name: string) => covers(name) || (request.variant === "sotw" && request.names.includes(name));
    if (error !== undefined && response.whole !== undefined) remember("", response.whole, error);
    for (const { name, version } of response.items) {
      // What changed meanwhile is still marked.
      if (waiting.get(name) === nonce) waiting.delete(name);
      const now = held.get(name);
      if (version === undefined) continue;
      if (error !== undefined && !fullState && wanted(name)) remember(name, version, error);
      if (now?.version === version && now.state !== "rejected")
        held.set(name, { ...now, state: error === undefined ? "acked" : "rejected" });
    }
    return { items: response.items, error };
  }

  function remember(name: string, version: string, error: string): void {
    const versions = rejected.get(name) ?? new Map<string, string>();
    rejected.set(name, versions);
    versions.delete(version);
    versions.set(version, error);
    for (const oldest of versions.keys()) {
      if (versions.size <= MAX_REJECTED) break;
      versions.delete(oldest);
    }
  }

  function applySotw(request: SotwRequest, change: { added: string[]; removed: string[] }): void {
    if (request.names.length > 0) everNamed = true;
    const wanted = new Set(request.names.filter((name) => name !== ""));
    const everything = rules.wildcard && (wanted.delete("*") || !everNamed);
    for (const name of names) if (!wanted.has(name)) change.removed.push(name);
    for (const name of wanted) if (!names.has(name)) change.added.push(name);
    setWildcard(everything);
    for (const name of change.removed) unsubscribe(name);
    for (const name of change.added) subscribe(name);
    if (!fullState) return;
    // Of a response that was refused the client took nothing: without what it has dropped, it may take the rest.
    if (change.added.length > 0 || (!started && wildcard) || (refused && change.removed.length > 0)) mustAnswer = true;
  }

  /** An overtaken request is no reason to respond, but it is newer than the last: what it leaves out the client has dropped. */
  function narrow(request: SotwRequest, change: { added: string[]; removed: string[] }): void {
    const wanted = new Set(request.names);
    for (const name of names) if (!wanted.has(name)) change.removed.push(name);
    for (const name of change.removed) unsubscribe(name);
  }

  function applyDelta(request: DeltaRequest, change: { added: string[]; removed: string[] }): void {
    if (!started) for (const [name, version] of request.initial) held.set(name, { version, resource: undefined, state: "claimed" });
    const named = request.subscribe.length > 0 || request.unsubscribe.length > 0;
    if (!started && !named && rules.wildcard) setWildcard(true);
    for (const name of request.unsubscribe) {
      if (name === "*" && rules.wildcard) setWildcard(false);
      else if (names.has(name)) {
        change.removed.push(name);
        unsubscribe(name);
      }
    }
    for (const name of request.subscribe) {
      if (name === "") continue;
      if (name === "*" && rules.wildcard) {
        if (explicit) resend();
        explicit = true;
        setWildcard(true);
        continue;
      }
      if (!names.has(name)) change.added.push(name);
      subscribe(name);
    }
    if (!started) for (const name of [...held.keys()]) covers(name) ? dirty.add(name) : held.delete(name);
    if (!started && wildcard && held.size === 0) mustAnswer = true;
  }

  function setWildcard(on: boolean): void {
    if (on && !wildcard) checkAll = true;
    if (!on) explicit = false;
    if (!on && wildcard) {
      checkAll = false;
      for (const name of held.keys()) if (!names.has(name)) forget(name);
    }
    wildcard = on;
  }

  function subscribe(name: string): void {
    names.add(name);
    dirty.add(name);
    // In a stream's first request the versions that the client claims count; later it may have forgotten what it once had.
    if (started) forced.add(name);
  }

  function unsubscribe(name: string): void {
    names.delete(name);
    if (!wildcard) forget(name);
    // The client cannot know whether the wildcard still covers it: it is told. https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#xds-protocol-unsubscribe
    else if (variant === "delta") {
      dirty.add(name);
      forced.add(name);
    }
  }

  function forget(name: string): void {
    for (const map of [held, rejected, waiting, dirty, forced]) map.delete(name);
  }

  function resend(): void {
    forceAll = true;
    checkAll = true;
  }

  function spreadCheckAll(lookup: Lookup): boolean {
    const everything = wildcard ? lookup.all() : new Map<string, Resource>();
    if (everything === undefined) return false;
    for (const name of names) dirty.add(name);
    for (const name of held.keys()) dirty.add(name);
    for (const name of everything.keys()) dirty.add(name);
    if (forceAll) for (const name of dirty) forced.add(name);
    checkAll = false;
    forceAll = false;
    return true;
  }

  function next(lookup: Lookup, removals: boolean, settled: (item: Item) => void): Push | undefined {
    if (checkAll && !spreadCheckAll(lookup) && names.size === 0) return undefined;
    const gone: string[] = [];
    let changed = false;
    for (const name of dirty) {
      const verdict = check(name, lookup, settled);
      if (verdict === "later") continue;
      if (verdict === "done") dirty.delete(name);
      else if (verdict !== "gone") {
        // One resource in a response, where the type allows it: a rejection then concerns no other, and its bytes serve every stream.
        if (!fullState) return { resources: [verdict], removed: [], updated: updatedAmong([verdict]), retained: [] };
        changed = true;
      } else if (removals || held.get(name)?.version === undefined) gone.push(name);
    }
    if (fullState) return nextFullState(lookup, removals, changed || gone.length > 0);
    const empty = mustAnswer && lookup.all() !== undefined;
    return gone.length > 0 || empty ? { resources: [], removed: gone, updated: [], retained: [] } : undefined;
  }

  function check(name: string, lookup: Lookup, settled: (item: Item) => void): Resource | "gone" | "done" | "later" {
    if (!covers(name)) return "done";
    if (waiting.has(name)) return "later";
    const found = lookup.get(name);
    if (found === "unknown") return "done";
    const now = held.get(name);
    if (found === "absent") return checkAbsent(name, now);
    if (rejected.get(name)?.has(found.version)) {
      forced.delete(name);
      return "done";
    }
    if (now?.version !== found.version || forced.has(name)) return found;
    if (now.state === "claimed") {
      held.set(name, { ...now, state: "acked" });
      settled({ name, version: now.version });
    }
    return "done";
  }

  function checkAbsent(name: string, now: Held | undefined): "gone" | "done" {
    const known = now?.version !== undefined;
    if (variant === "delta") return known || forced.has(name) || (now === undefined && names.has(name)) ? "gone" : "done";
    if (fullState && known) return "gone";
    // State of the world has no words for the absence of these: the client waits, and gets it should it ever come to be.
    held.set(name, { version: undefined, resource: undefined, state: "acked" });
    forced.delete(name);
    return "done";
  }

  function nextFullState(lookup: Lookup, removals: boolean, due: boolean): Push | undefined {
    const everything = lookup.all();
    if (everything === undefined || (!due && !mustAnswer)) return undefined;
    const resources = new Map<string, Resource>();
    for (const name of wildcard ? everything.keys() : names) {
      const found = everything.get(name);
      if (found !== undefined) resources.set(name, found);
    }
    const retained: string[] = [];
    for (const [name, { resource }] of removals ? [] : held) {
      if (resource === undefined || !covers(name) || resources.has(name)) continue;
      resources.set(name, resource);
      retained.push(name);
    }
    const push = { resources: [...resources.values()], removed: [], updated: updatedAmong(resources.values()), retained };
    if (!rejected.get("")?.has(contentOf(push))) return push;
    for (const name of dirty) if (removals || everything.has(name)) dirty.delete(name);
    forced.clear();
    mustAnswer = false;
    return undefined;
  }

  function updatedAmong(resources: Iterable<Resource>): string[] {
    const updated: string[] = [];
    for (const { name, version } of resources) {
      const before = held.get(name)?.version;
      if (before !== undefined && before !== version) updated.push(name);
    }
    return updated;
  }

  function sent(push: Push, nonce: string): void {
    const items: Item[] = [];
    for (const resource of push.resources) {
      held.set(resource.name, { version: resource.version, resource: fullState ? resource : undefined, state: "sent" });
      items.push({ name: resource.name, version: resource.version });
      done(resource.name, nonce);
    }
    for (const name of push.removed) {
      if (names.has(name)) held.set(name, { version: undefined, resource: undefined, state: "sent" });
      else held.delete(name);
      items.push({ name, version: undefined });
      done(name, nonce);
    }
    if (fullState) dropAbsent(push);
    for (const name of push.retained) dirty.add(name);
    mustAnswer = false;
    lastNonce = nonce;
    refused = false;
    unanswered.set(nonce, { items, whole: fullState ? contentOf(push) : undefined });
    if (unanswered.size > MAX_UNANSWERED) unanswered.delete(unanswered.keys().next().value ?? "");
  }

  function done(name: string, nonce: string): void {
    dirty.delete(name);
    forced.delete(name);
    if (rules.inTurn) waiting.set(name, nonce);
  }

  function dropAbsent(push: Push): void {
    const present = new Set(push.resources.map(({ name }) => name));
    for (const [name, { version }] of held) if (version !== undefined && !present.has(name)) held.delete(name);
    for (const name of names) {
      if (present.has(name)) continue;
      held.set(name, { version: undefined, resource: undefined, state: "sent" });
      dirty.delete(name);
      forced.delete(name);
    }
  }

  function* statuses(): IterableIterator<NameStatus> {
    for (const [name, { version, state }] of held) {
      const error = state === "rejected" && version !== undefined ? (rejected.get(name)?.get(version) ?? lastWhole()) : undefined;
      yield { name, version, state, error };
    }
    for (const name of names) if (!held.has(name)) yield { name, version: undefined, state: "sent", error: undefined };
  }

  function lastWhole(): string | undefined {
    return [...(rejected.get("")?.values() ?? [])].at(-1);
  }

  return {
    names,
    get wildcard() {
      return wildcard;
    },
    receive,
    touch(changed) {
      for (const name of changed) if (wildcard || names.has(name) || held.has(name)) dirty.add(name);
    },
    touchAll() {
      checkAll = true;
    },
    resend,
    pending: () => dirty.size > 0 || checkAll || mustAnswer,
    next,
    sent,
    owns: (nonce) => nonce !== "" && (nonce === lastNonce || unanswered.has(nonce)),
    size: () => names.size + held.size,
    statuses,
  };
}

/** Stands for the content of a whole response. */
function contentOf(push: Push): string {
  return JSON.stringify(push.resources.map(({ name, version }) => [name, version]).sort());
}
