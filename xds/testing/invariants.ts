import assert from "node:assert/strict";
import { rulesOf } from "../protocol/type-rules.ts";
import type { Received, Variant } from "./received.ts";

/** What a client asked for, holds and rejected, and with it the rules that every response must keep. */
export class Invariants {
  private readonly variant: Variant;
  private readonly subscribed = new Map<string, Set<string>>();
  private readonly held = new Map<string, Map<string, string>>();
  private readonly nonces = new Set<string>();
  private readonly rejected = new Set<string>();

  constructor(variant: Variant) {
    this.variant = variant;
  }

  /** Names subscribed of a type; written to by the client as it sends requests. */
  names(typeUrl: string): Set<string> {
    return getOrAdd(this.subscribed, typeUrl, () => new Set());
  }

  /** Name -> version of what the client holds of a type. */
  holding(typeUrl: string): Map<string, string> {
    return getOrAdd(this.held, typeUrl, () => new Map());
  }

  reject(response: Received): void {
    for (const [name, { version }] of response.resources) this.rejected.add(`${response.typeUrl} ${name} ${version}`);
  }

  /** Throws when the response breaks an invariant; otherwise the client holds what it says. */
  accept(response: Received): void {
    this.check(response);
    const { typeUrl, resources, removed } = response;
    const now = this.holding(typeUrl);
    if (this.variant === "sotw" && rulesOf(typeUrl).fullState) now.clear();
    for (const [name, { version }] of resources) now.set(name, version);
    for (const name of removed) now.delete(name);
  }

  private check({ typeUrl, nonce, resources, removed }: Received): void {
    const { variant, nonces, rejected } = this;
    assert(nonce !== "", "a response carries a nonce");
    assert(!nonces.has(nonce), `nonce ${nonce} comes twice on a stream`);
    nonces.add(nonce);
    assert(this.subscribed.has(typeUrl), `a response of type ${typeUrl}, which was never asked for`);
    if (variant === "sotw") assert.deepEqual(removed, []);
    if (variant === "delta" || !rulesOf(typeUrl).fullState) assert(resources.size <= 1, "one resource in each response");
    for (const [name, { version }] of resources) {
      assert(!removed.includes(name), `${name} is both sent and removed`);
      assert(!rejected.has(`${typeUrl} ${name} ${version}`), `${name} at ${version} was rejected and comes again`);
    }
  }
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const added = make();
  map.set(key, added);
  return added;
}
