import { setBounded } from "../../base/bounded-map.ts";
import type { VouchedToken } from "../../model/identity.ts";

/** Tokens in all: one for each of 10,000 proxies, and its successor. */
const MAX_TOKENS = 20_000;
/** Two containers of a pod with a token each, and their successors. Whoever has more made for a pod pushes out that pod's own, and nobody else's. */
const MAX_OF_POD = 4;

/** Tokens that are known to be good, by their hash. */
export interface GoodTokens {
  get(hash: string): VouchedToken | undefined;
  add(token: VouchedToken): void;
  /** The pod with this uid is gone. */
  forgetPod(uid: string): void;
  all(): Iterable<VouchedToken>;
}

export function createGoodTokens(): GoodTokens {
  const tokens = new Map<string, VouchedToken>();
  /** Hashes by the uid of the pod, the oldest first. */
  const ofPods = new Map<string, readonly string[]>();

  function forget({ uid, hash }: VouchedToken): void {
    tokens.delete(hash);
    const others = (ofPods.get(uid) ?? []).filter((each) => each !== hash);
    if (others.length === 0) ofPods.delete(uid);
    else ofPods.set(uid, others);
  }

  return {
    get: (hash) => tokens.get(hash),
    add(token) {
      const { uid, hash } = token;
      const before = (ofPods.get(uid) ?? []).filter((each) => each !== hash);
      const [oldest] = before;
      if (oldest !== undefined && before.length >= MAX_OF_POD) tokens.delete(oldest);
      ofPods.set(uid, [...before, hash].slice(-MAX_OF_POD));
      const lost = setBounded(tokens, hash, token, MAX_TOKENS);
      if (lost !== undefined) forget(lost);
    },
    forgetPod(uid) {
      for (const hash of ofPods.get(uid) ?? []) tokens.delete(hash);
      ofPods.delete(uid);
    },
    all: () => tokens.values(),
  };
}
