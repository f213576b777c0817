import type { Counts } from "./counts.ts";

/** What one proxy does with a filter, as it was looked at last. */
export interface Seen {
  readonly state: "updated" | "rejected" | "pending";
  readonly isConnected: boolean;
  /** When it connected or was lost, in milliseconds since the epoch; infinite for one that is waited for however long it is gone. */
  readonly since: number;
  /** True when it is in the wave and does not run the target. */
  readonly isWaitedFor: boolean;
  readonly isHung: boolean;
  /** True when it has a placeholder in the filter's place. */
  readonly hasStandIn: boolean;
  /** Why it rejected the target. */
  readonly rejection: string | undefined;
}

/** Counts that are kept as proxies change, one at a time. */
export interface Tally {
  /** Replaces what is known of a proxy; `undefined`: it does not count any more. */
  set(proxyKey: string, seen: Seen | undefined): void;
  counts(): Counts;
  /** Proxies that are waited for. Those that are not connected count when they were lost after `lostAt` (milliseconds since the epoch). */
  outstanding(lostAt: number): number;
  /** When the first of those that are waited for and not connected was lost, of those lost after `lostAt`. */
  firstLost(lostAt: number): number | undefined;
  /** In the order of the proxies' keys. */
  rejections(): { readonly key: string; readonly message: string }[];
  /** Keys of the proxies that hang, in their order. */
  hung(): readonly string[];
  /** How many of the connected ones have a placeholder. */
  standIns(): number;
  /** Keys of the connected proxies, or of all while none is connected. */
  present(): readonly string[];
}

export function createTally(): Tally {
  const proxies = new Map<string, Seen>();
  const counts = { matched: 0, updated: 0, rejected: 0, pending: 0 };
  /** Proxies that are waited for and not connected. */
  const absent = new Map<string, Seen>();
  const rejections = new Map<string, string>();
  const hung = new Set<string>();
  let waiting = 0;
  let standIns = 0;

  function count(seen: Seen, by: 1 | -1): void {
    counts.matched += by;
    counts[seen.state] += by;
    if (seen.isConnected && seen.isWaitedFor) waiting += by;
    if (seen.isConnected && seen.hasStandIn) standIns += by;
  }

  return {
    set(proxyKey, seen) {
      const before = proxies.get(proxyKey);
      if (before !== undefined) count(before, -1);
      proxies.delete(proxyKey);
      absent.delete(proxyKey);
      rejections.delete(proxyKey);
      hung.delete(proxyKey);
      if (seen === undefined) return;
      count(seen, 1);
      proxies.set(proxyKey, seen);
      if (seen.isWaitedFor && !seen.isConnected) absent.set(proxyKey, seen);
      if (seen.isHung) hung.add(proxyKey);
      if (seen.rejection !== undefined) rejections.set(proxyKey, seen.rejection);
    },
    counts: () => ({ ...counts }),
    outstanding(lostAt) {
      let fading = 0;
      for (const { since } of absent.values()) if (since > lostAt) fading++;
      return waiting + fading;
    },
    firstLost(lostAt) {
      let first = Number.POSITIVE_INFINITY;
      for (const { since } of absent.values()) if (since > lostAt) first = Math.min(first, since);
      return Number.isFinite(first) ? first : undefined;
    },
    rejections: () => Array.from(rejections, ([key, message]) => ({ key, message })).sort((a, b) => (a.key < b.key ? -1 : 1)),
    hung: () => [...hung].sort(),
    standIns: () => standIns,
    present() {
      const connected = [...proxies].filter(([, { isConnected }]) => isConnected).map(([id]) => id);
      return connected.length > 0 ? connected : [...proxies.keys()];
    },
  };
}
