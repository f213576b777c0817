import { Rejections } from "./rejections.ts";
import type { Resource } from "./resource.ts";
import type { DeltaRequest, NameStatus, Request, SotwRequest } from "./subscription.ts";
import type { TypeRules } from "./type-rules.ts";

/** What the client holds under a name. It is changed in place, because it changes with each response and each answer. */
export interface Held {
  /** `undefined`: the client was told that there is none. */
  version: string | undefined;
  /** Kept for full-state responses only: they must repeat it while its removal waits. */
  resource: Resource | undefined;
  state: NameStatus["state"];
  /**
   * The name must not be sent again before this nonce is answered; empty: it need not wait. Every name that waits is held: only those subscribed
   * one by one do (no type has both turns and a wildcard).
   */
  waitsFor: string;
}

/** The names that a request added to the subscribed ones, and removed from them. */
export interface Change {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** Shared, to save memory: most requests are plain acknowledgements, and most responses have only resources or only removals. */
export const NONE: readonly never[] = Object.freeze([]);
const NO_CHANGE: Change = Object.freeze({ added: NONE, removed: NONE });

/**
 * What is known of the client of one subscription: what it wants, what it holds, what it rejected, and which names must be looked at for the
 * next response. Requests change it by the rules of their variant.
 */
export class ClientState {
  readonly rules: TypeRules;
  readonly variant: Request["variant"];
  /** True where each response holds everything. */
  readonly fullState: boolean;
  /** Names subscribed one by one. */
  readonly names = new Set<string>();
  readonly held = new Map<string, Held>();
  /** In full-state responses the name is empty and the version stands for all of it. */
  readonly rejections = new Rejections();
  /** Names that may be due. */
  readonly dirty = new Set<string>();
  /** True from the end of the first request. */
  started = false;
  wildcard = false;
  /** Every name must be checked; which names those are is not known yet. */
  checkAll = false;
  /** A response is due, even an empty one or one with nothing new. */
  mustAnswer = false;
  /** Names to send again, changed or not. Created when it is needed. */
  private forced: Set<string> | undefined;
  private forceAll = false;
  /** The wildcard was asked for by name. */
  private explicit = false;
  private everNamed = false;

  constructor(variant: Request["variant"], rules: TypeRules) {
    this.variant = variant;
    this.rules = rules;
    this.fullState = variant === "sotw" && rules.fullState;
  }

  covers(name: string): boolean {
    return this.wildcard || this.names.has(name);
  }

  touch(changed: Iterable<string>): void {
    for (const name of changed) if (this.wildcard || this.names.has(name) || this.held.has(name)) this.dirty.add(name);
  }

  resend(): void {
    this.forceAll = true;
    this.checkAll = true;
  }

  isForced(name: string): boolean {
    return this.forced?.has(name) ?? false;
  }

  /** From now on the name is sent only if it changed. */
  unforce(name: string): void {
    this.forced?.delete(name);
  }

  unforceAll(): void {
    this.forced = undefined;
  }

  /** Nothing is due under this name. */
  done(name: string): void {
    this.dirty.delete(name);
    this.forced?.delete(name);
  }

  /** True when the resource replaces another version that the client has. */
  isUpdate({ name, version }: Resource): boolean {
    const before = this.held.get(name)?.version;
    return before !== undefined && before !== version;
  }

  hold(name: string, version: string | undefined, resource: Resource | undefined, state: Held["state"], waitsFor: string): void {
    const held = this.held.get(name);
    if (held === undefined) {
      this.held.set(name, { version, resource, state, waitsFor });
      return;
    }
    held.version = version;
    held.resource = resource;
    held.state = state;
    held.waitsFor = waitsFor;
  }

  /** Marks every name to be checked. `everything`: what the wildcard stands for. */
  markAll(everything: ReadonlyMap<string, Resource> | undefined): void {
    for (const name of this.names) this.dirty.add(name);
    for (const name of this.held.keys()) this.dirty.add(name);
    if (everything !== undefined) for (const name of everything.keys()) this.dirty.add(name);
    if (this.forceAll) for (const name of this.dirty) this.force(name);
    this.checkAll = false;
    this.forceAll = false;
  }

  /** How many names and resources would be remembered after this request. */
  sizeAfter(request: Request): number {
    const { names, held } = this;
    if (request.variant === "sotw") {
      let kept = this.wildcard ? held.size : 0;
      if (!this.wildcard) for (const name of request.names) if (held.has(name)) kept += 1;
      return request.names.length + kept;
    }
    let size = names.size + held.size + (this.started ? 0 : request.initial.size);
    for (const name of request.unsubscribe) if (names.has(name)) size -= held.has(name) ? 2 : 1;
    for (const name of request.subscribe) if (!names.has(name)) size += 1;
    return size;
  }

  /** `refused`: the newest response was rejected. */
  applySotw(request: SotwRequest, refused: boolean): Change {
    const { names, fullState } = this;
    if (this.repeats(request.names)) return NO_CHANGE;
    if (request.names.length > 0) this.everNamed = true;
    const wanted = new Set(request.names);
    wanted.delete("");
    const everything = this.rules.wildcard && (wanted.delete("*") || !this.everNamed);
    const added: string[] = [];
    const removed: string[] = [];
    for (const name of names) if (!wanted.has(name)) removed.push(name);
    for (const name of wanted) if (!names.has(name)) added.push(name);
    this.setWildcard(everything);
    for (const name of removed) this.unsubscribe(name);
    for (const name of added) this.subscribe(name);
    // The client took nothing of a response that it rejected. It may take the rest, now that it dropped a name.
    const due = added.length > 0 || (!this.started && this.wildcard) || (refused && removed.length > 0);
    if (fullState && due) this.mustAnswer = true;
    return { added, removed };
  }

  /** An overtaken request is no reason to respond. But it is newer than the last one, so the client has dropped what it leaves out. */
  narrow(request: SotwRequest): Change {
    const wanted = new Set(request.names);
    const removed: string[] = [];
    for (const name of this.names) if (!wanted.has(name)) removed.push(name);
    for (const name of removed) this.unsubscribe(name);
    return { added: NONE, removed };
  }

  applyDelta(request: DeltaRequest): Change {
    const { subscribe, unsubscribe, initial } = request;
    const unnamed = subscribe.length === 0 && unsubscribe.length === 0;
    if (this.started) return unnamed ? NO_CHANGE : this.applyNames(subscribe, unsubscribe);
    for (const [name, version] of initial) this.hold(name, version, undefined, "claimed", "");
    if (unnamed && this.rules.wildcard) this.setWildcard(true);
    const change = this.applyNames(subscribe, unsubscribe);
    for (const name of this.held.keys()) {
      if (this.covers(name)) this.dirty.add(name);
      else this.held.delete(name);
    }
    if (this.wildcard && this.held.size === 0) this.mustAnswer = true;
    return change;
  }

  /**
   * True for the names that are subscribed already, in their order. Every plain acknowledgement repeats them, and there is one for each resource,
   * so a client with many names can be afforded a comparison and no more.
   */
  private repeats(requested: readonly string[]): boolean {
    if (this.wildcard || requested.length === 0 || requested.length !== this.names.size) return false;
    let index = 0;
    for (const name of this.names) {
      if (name !== requested[index]) return false;
      index += 1;
    }
    return true;
  }

  private applyNames(subscribe: readonly string[], unsubscribe: readonly string[]): Change {
    const added: string[] = [];
    const removed: string[] = [];
    for (const name of unsubscribe) {
      if (name === "*" && this.rules.wildcard) this.setWildcard(false);
      else if (this.names.has(name)) {
        removed.push(name);
        this.unsubscribe(name);
      }
    }
    for (const name of subscribe) {
      if (name === "") continue;
      if (name === "*" && this.rules.wildcard) {
        if (this.explicit) this.resend();
        this.explicit = true;
        this.setWildcard(true);
        continue;
      }
      if (!this.names.has(name)) added.push(name);
      this.subscribe(name);
    }
    return { added, removed };
  }

  private setWildcard(on: boolean): void {
    if (on && !this.wildcard) this.checkAll = true;
    if (!on) this.explicit = false;
    if (!on && this.wildcard) {
      this.checkAll = false;
      for (const name of this.held.keys()) if (!this.names.has(name)) this.forget(name);
    }
    this.wildcard = on;
  }

  private subscribe(name: string): void {
    this.names.add(name);
    this.dirty.add(name);
    // The versions that a client claims count in the first request of a stream. Later, it may have forgotten what it once had.
    if (this.started) this.force(name);
  }

  private unsubscribe(name: string): void {
    this.names.delete(name);
    if (!this.wildcard) this.forget(name);
    // The client cannot know whether the wildcard still covers it: it is told. https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#xds-protocol-unsubscribe
    else if (this.variant === "delta") {
      this.dirty.add(name);
      this.force(name);
    }
  }

  private force(name: string): void {
    this.forced ??= new Set();
    this.forced.add(name);
  }

  private forget(name: string): void {
    this.held.delete(name);
    this.rejections.forget(name);
    this.done(name);
  }
}
