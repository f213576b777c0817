import type { DeliveredFilter, Rejection } from "../model/delivery.ts";
import type { FilterKey } from "../model/filter.ts";
import { findCulprit } from "./culprit.ts";
import type { Resource } from "./resource.ts";

/** A resource together with the filters it holds. */
export interface Offer {
  readonly resource: Resource;
  readonly filters: readonly DeliveredFilter[];
}

/** What a proxy acknowledged. */
export interface Running {
  readonly version: string;
  readonly filters: readonly DeliveredFilter[];
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** How many of the last offers are remembered, to tell what a late acknowledgement was about. */
const MAX_OFFERED = 8;
const MAX_REJECTED = 32;
/** Envoy remembers the last config it was sent only, so a few are enough to tell the next from it. */
const ATTEMPTS = 16;

/**
 * The book of one resource name on one proxy: what it is meant to hold, what it acknowledged, what it rejected. Pure.
 *
 * Envoy takes a rejected config that comes again for one it knows, and acknowledges it without applying it. So what was rejected once is not
 * served again, an acknowledgement of it means nothing, and after a rejection the last good config is served in its place.
 */
export interface Delivery {
  readonly name: string;
  readonly slot: string;
  /** The one filter of this name; `undefined` for the chain of a slot. */
  readonly filter: FilterKey | undefined;
  readonly desired: Offer | undefined;
  readonly running: Running | undefined;
  /** Set while what is desired is known to be rejected. */
  readonly rejection: Rejection | undefined;
  /** What the proxy should be served: the desired offer, the last good one when that was rejected, or nothing new. */
  readonly served: Resource | undefined;
  /** Changes each time that an answer to what is desired may have been lost. */
  readonly attempt: number;
  desire(offer: Offer): void;
  /** True when it changed what is known. */
  acked(version: string, now: number): boolean;
  rejected(version: string, message: string, now: number): boolean;
  rejects(version: string): boolean;
  /** True while the proxy holds nothing under this name, as it said itself, and has acknowledged nothing since. */
  readonly vacant: boolean;
  /** The proxy asks for this name anew and says that it holds this version (`undefined`: nothing). An answer that it owed is lost. */
  claimed(version: string | undefined): void;
  /** The same, from a proxy that does not say what it holds. */
  resumed(): void;
  /** The proxy is another program than the one that rejected: everything may be tried again. */
  forgive(): void;
}

export function createDelivery(name: string, slot: string, filter: FilterKey | undefined): Delivery {
  const offered = new Map<string, Offer>();
  const rejections = new Map<string, Rejection>();
  let desired: Offer | undefined;
  let lastGood: Offer | undefined;
  let running: Running | undefined;
  let attempt = 0;
  let vacant = false;

  function lose(held: string | undefined): void {
    const open = desired?.resource.version;
    if (open !== undefined && open !== held && open !== running?.version && !rejections.has(open)) attempt = (attempt + 1) % ATTEMPTS;
  }

  function remember<T>(map: Map<string, T>, version: string, value: T, limit: number): void {
    map.delete(version);
    map.set(version, value);
    if (map.size > limit) map.delete(map.keys().next().value ?? "");
  }

  return {
    name,
    slot,
    filter,
    get desired() {
      return desired;
    },
    get running() {
      return running;
    },
    get rejection() {
      return desired && rejections.get(desired.resource.version);
    },
    get served() {
      if (desired === undefined || !rejections.has(desired.resource.version)) return desired?.resource;
      return lastGood !== undefined && !rejections.has(lastGood.resource.version) ? lastGood.resource : undefined;
    },
    desire(offer) {
      desired = offer;
      remember(offered, offer.resource.version, offer, MAX_OFFERED);
      if (running?.version === offer.resource.version) running = { ...running, filters: offer.filters };
    },
    acked(version, now) {
      const offer = offered.get(version) ?? (lastGood?.resource.version === version ? lastGood : undefined);
      if (offer === undefined || rejections.has(version)) return false;
      lastGood = offer;
      if (running?.version === version) return false;
      running = { version, filters: offer.filters, since: now };
      for (const older of offered.keys()) {
        if (older === version) break;
        if (older !== desired?.resource.version) offered.delete(older);
      }
      return true;
    },
    rejected(version, message, now) {
      const offer = offered.get(version) ?? (lastGood?.resource.version === version ? lastGood : undefined);
      if (offer === undefined || rejections.has(version)) return false;
      const culprit = findCulprit(offer.filters, running?.filters ?? lastGood?.filters, message);
      remember(rejections, version, { filters: offer.filters, culprit, message, at: now }, MAX_REJECTED);
      return true;
    },
    rejects: (version) => rejections.has(version),
    get attempt() {
      return attempt;
    },
    get vacant() {
      return vacant && running === undefined;
    },
    resumed: () => lose(running?.version),
    claimed(version) {
      lose(version);
      vacant = version === undefined;
      if (version === undefined || version !== running?.version) running = undefined;
    },
    forgive() {
      rejections.clear();
    },
  };
}
