import { ClientState, type Held, NONE } from "./client-state.ts";
import { withoutSecrets } from "./confidential.ts";
import { contentOf, dropAbsent, wholeOf } from "./full-state.ts";
import type { Resource } from "./resource.ts";
import type { Answer, Item, Lookup, NameStatus, Push, Received, Request, SotwRequest, Subscription } from "./subscription.ts";
import type { TypeRules } from "./type-rules.ts";
import { type SentResponse, Unanswered } from "./unanswered.ts";

/** The subscription of one type on a stream of this variant. */
export function createSubscription(variant: Request["variant"], rules: TypeRules): Subscription {
  return new StreamSubscription(variant, rules);
}

class StreamSubscription implements Subscription {
  private readonly client: ClientState;
  private readonly unanswered = new Unanswered();
  /** True when the newest response was rejected. */
  private refused = false;
  /** Where the last look at what may be due found what was sent. To begin anew each time would cost the square of the names. */
  private cursor: Iterator<string> | undefined;
  /** Where this look found something. Until that is sent, it is found again: its modules may have to be loaded first. */
  private reached: Iterator<string> | undefined;

  constructor(variant: Request["variant"], rules: TypeRules) {
    this.client = new ClientState(variant, rules);
  }

  get names(): ReadonlySet<string> {
    return this.client.names;
  }

  receive(request: Request): Received {
    const { nonce, error } = request;
    const response = nonce === "" ? undefined : this.unanswered.take(nonce);
    if (response !== undefined && nonce === this.unanswered.lastNonce) this.refused = error !== undefined;
    const { added, removed } = request.variant === "delta" ? this.client.applyDelta(request) : this.applySotw(request);
    // The names come first: they say which part of the answer still counts.
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
    this.reached = undefined;
    // What is gone is told together, so the last look is one at all of them.
    for (let isWhole = false; !isWhole; ) {
      isWhole = this.cursor === undefined;
      const names: Iterator<string> = this.cursor ?? client.dirty.values();
      this.cursor = undefined;
      gone = undefined;
      for (let each = names.next(); !each.done; each = names.next()) {
        const name = each.value;
        const verdict = this.check(name, lookup, settled);
        if (verdict === "later") continue;
        if (verdict === "done") client.dirty.delete(name);
        else if (verdict !== "gone") {
          // One resource in a response, where the type allows it: a rejection then concerns no other, and every stream can send the same bytes.
          if (!client.fullState) {
            this.reached = names;
            return { resources: [verdict], removed: NONE, updated: client.isUpdate(verdict) ? [name] : NONE, retained: NONE };
          }
          changed = true;
        } else if (removals || client.held.get(name)?.version === undefined) {
          gone ??= [];
          gone.push(name);
        }
      }
    }
    if (client.fullState) return this.nextFullState(lookup, removals, changed || gone !== undefined);
    const empty = client.mustAnswer && lookup.all() !== undefined;
    return gone !== undefined || empty ? { resources: NONE, removed: gone ?? NONE, updated: NONE, retained: NONE } : undefined;
  }

  sent(push: Push, nonce: string, now: number): void {
    const { client } = this;
    const { fullState } = client;
    this.cursor = this.reached;
    this.reached = undefined;
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
    const lost = this.unanswered.add({ nonce, items, whole: fullState ? contentOf(push) : undefined, at: now });
    if (lost !== undefined) this.giveUp(lost);
  }

  owns(nonce: string): boolean {
    return nonce !== "" && (nonce === this.unanswered.lastNonce || this.unanswered.has(nonce));
  }

  size(): number {
    return this.client.names.size + this.client.held.size;
  }

  sizeAfter(request: Request): number {
    return this.client.sizeAfter(request);
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
    // A request that answers an older response is overtaken: the names that count come with the answer to the newest.
    const overtaken = request.nonce !== "" && lastNonce !== "" && request.nonce !== lastNonce;
    return overtaken ? this.client.narrow(request) : this.client.applySotw(request, this.refused);
  }

  private settle({ nonce, items, whole, at }: SentResponse, request: Request): Answer {
    const error = request.error === undefined ? undefined : withoutSecrets(request.error, items);
    if (error !== undefined) this.reject(items, whole, request, error);
    for (const { name, version } of items) {
      const held = this.client.held.get(name);
      if (held === undefined) continue;
      // A change that came meanwhile is still marked.
      if (held.waitsFor === nonce) held.waitsFor = "";
      if (version === undefined || held.version !== version || held.state === "rejected") continue;
      held.state = error === undefined ? "acked" : "rejected";
    }
    return { items, error, sentAt: at };
  }

  /** An answer to this response will not count, so its names do not wait for it. */
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
    if (held === undefined || !isHeld(held, found) || client.isForced(name)) return found;
    if (held.state === "claimed") {
      held.version = found.version;
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
    // The state-of-the-world variant cannot say that these are absent: the client waits, and gets the resource once there is one.
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

function itemOf({ name, version, confidential }: Resource): Item {
  return confidential === undefined ? { name, version } : { name, version, confidential };
}

function isHeld({ version, state }: Held, found: Resource): boolean {
  return version === found.version || (state === "claimed" && version !== undefined && version === found.formerVersion);
}
