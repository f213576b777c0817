import type { DeliveredFilter, ProxyNode } from "../../model/delivery.ts";
import { filterId } from "../../model/filter.ts";

/**
 * Finds the filter at fault when a proxy rejected a chain with several changes and its message names none: the changes are offered to that
 * proxy again one filter at a time, so that the next rejection speaks of one.
 */
export interface Bisection {
  /** Looks at a proxy's slots; returns true when its withheld revisions changed. */
  observe(proxy: ProxyNode): boolean;
  /** Hashes of revisions to keep from this proxy for now. */
  withheld(proxyKey: string): ReadonlySet<string> | undefined;
  forget(proxyKey: string): void;
}

/** A placeholder is under no suspicion: it is the same plugin everywhere. */
function changes(proposed: readonly DeliveredFilter[], running: readonly DeliveredFilter[]): readonly DeliveredFilter[] {
  const before = new Map(running.map((entry) => [filterId(entry.filter), entry.hash]));
  return proposed.filter(({ filter, hash, isPlaceholder }) => isPlaceholder !== true && before.get(filterId(filter)) !== hash);
}

function changedHashes(proposed: readonly DeliveredFilter[], running: readonly DeliveredFilter[]): readonly string[] {
  return changes(proposed, running).map(({ hash }) => hash);
}

/** The one filter in which a rejected chain differs from what the proxy runs now. The other filters of that chain were acknowledged since. */
export function soleChange(
  rejected: readonly DeliveredFilter[],
  running: readonly DeliveredFilter[] | undefined,
): DeliveredFilter | undefined {
  const [only, ...others] = changes(rejected, running ?? []);
  return others.length === 0 ? only : undefined;
}

export function createBisection(): Bisection {
  const waiting = new Map<string, Set<string>>();
  return {
    observe(proxy) {
      const untried = waiting.get(proxy.key);
      // Another replica may have had the proxy try it.
      if (untried !== undefined) for (const { running } of proxy.slots.values()) for (const { hash } of running ?? []) untried.delete(hash);
      for (const { rejection, running, desired } of proxy.slots.values()) {
        if (rejection !== undefined && rejection.culprit === undefined) {
          const suspects = changedHashes(rejection.filters, running ?? []).filter((hash) => !untried?.has(hash));
          if (suspects.length < 2) continue;
          waiting.set(proxy.key, new Set([...(untried ?? []), ...suspects.slice(1)]));
          return true;
        }
        const settled = rejection?.culprit !== undefined || (running !== undefined && changedHashes(desired, running).length === 0);
        if (untried !== undefined && settled) {
          for (const next of untried) {
            untried.delete(next);
            break;
          }
          if (untried.size === 0) waiting.delete(proxy.key);
          return true;
        }
      }
      return false;
    },
    withheld: (proxyKey) => waiting.get(proxyKey),
    forget: (proxyKey) => void waiting.delete(proxyKey),
  };
}
