import type { KeyedHash } from "../../base/keyring.ts";
import { parseProxyKey } from "../../model/proxy-key.ts";

/** Positions on the wave line run from 0 to this number, exclusive. */
export const LINE = 2 ** 32;

/** The threshold that takes in every proxy, now and later. */
export const EVERYONE = LINE;

/**
 * How proxies are put in order. `hmac`: by a hash that only Weir can make, so that nobody can choose a node id that goes first. `fnv`: by one that anybody can
 * make, as rollouts were that began before; they end with it.
 */
export type WaveOrder = "hmac" | "fnv";

/** What a rollout says of its present wave. */
export interface Wave {
  readonly order: WaveOrder;
  /** Proxies whose position is below it are in. */
  readonly threshold: number;
}

/**
 * Says where a proxy stands on a filter's wave line, in [0, 2^32). The same proxy and filter always give the same position, so the same proxies go first
 * within a rollout; mixing in the filter's id makes other proxies go first for other filters.
 */
export class WaveLine {
  private readonly keyed: KeyedHash;

  /** `keyed`: of the purpose "wave position". */
  constructor(keyed: KeyedHash) {
    this.keyed = keyed;
  }

  /** `key`: of the proxy. Costs 2 microseconds in the order `hmac`. */
  position(order: WaveOrder, filterId: string, key: string): number {
    return order === "fnv" ? fnvPosition(filterId, key) : this.keyed.digest(`${filterId}\n${key}`).readUInt32BE(0);
  }

  /** No position is looked up where none or all are in. */
  isIn({ order, threshold: end }: Wave, filterId: string, key: string): boolean {
    return end >= EVERYONE || (end > 0 && this.position(order, filterId, key) < end);
  }
}

/** FNV-1a with a final avalanche: short ids that differ in one digit must not end up side by side. The node id alone counts, as it always did. */
function fnvPosition(filterId: string, key: string): number {
  let hash = 0x811c9dc5;
  const text = `${filterId}\n${parseProxyKey(key).id}`;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * The threshold of a wave of `percent` of the proxies: everyone whose position is below it is in. Takes in at least one proxy when there is
 * one, and never more than the percentage allows beyond that first one. Never lower than `atLeast`: no proxy leaves a wave by rounding.
 */
export function threshold(percent: number, positions: readonly number[], atLeast: number): number {
  if (percent >= 100) return EVERYONE;
  if (positions.length === 0) return Math.max(atLeast, Math.floor((percent / 100) * LINE));
  const sorted = [...positions].sort((a, b) => a - b);
  const size = Math.max(1, Math.floor((percent / 100) * sorted.length));
  const last = sorted[size - 1] ?? 0;
  return Math.max(atLeast, last + 1);
}
