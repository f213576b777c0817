import { setBounded } from "../../base/bounded-map.ts";
import type { DeliveredFilter, Rejection } from "../../model/delivery.ts";
import type { FilterKey } from "../../model/filter.ts";
import type { Resource } from "../protocol/resource.ts";
import { findCulprit } from "./culprit.ts";

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
  return new Ledger(name, slot, filter);
}

class Ledger implements Delivery {
  readonly name: string;
  readonly slot: string;
  readonly filter: FilterKey | undefined;
  desired: Offer | undefined;
  running: Running | undefined;
  attempt = 0;
  private lastGood: Offer | undefined;
  /** Version -> an offer before the desired one that may still be acknowledged; the oldest comes first. Made when needed, as the next. */
  private overtaken: Map<string, Offer> | undefined;
  /** Rejected version -> why. */
  private rejections: Map<string, Rejection> | undefined;
  private saidVacant = false;

  constructor(name: string, slot: string, filter: FilterKey | undefined) {
    this.name = name;
    this.slot = slot;
    this.filter = filter;
  }

  get rejection(): Rejection | undefined {
    return this.desired && this.rejections?.get(this.desired.resource.version);
  }

  get served(): Resource | undefined {
    const { desired, lastGood } = this;
    if (desired === undefined || !this.rejects(desired.resource.version)) return desired?.resource;
    return lastGood !== undefined && !this.rejects(lastGood.resource.version) ? lastGood.resource : undefined;
  }

  get vacant(): boolean {
    return this.saidVacant && this.running === undefined;
  }

  desire(offer: Offer): void {
    const { desired, running } = this;
    const { version } = offer.resource;
    this.overtaken?.delete(version);
    if (desired !== undefined && desired.resource.version !== version) {
      this.overtaken ??= new Map();
      setBounded(this.overtaken, desired.resource.version, desired, MAX_OFFERED - 1);
    }
    this.desired = offer;
    if (running?.version === version && running.filters !== offer.filters) this.running = { ...running, filters: offer.filters };
  }

  acked(version: string, now: number): boolean {
    const offer = this.find(version);
    if (offer === undefined || this.rejects(version)) return false;
    this.lastGood = offer;
    if (this.running?.version === version) return false;
    this.running = { version, filters: offer.filters, since: now };
    this.dropBefore(version);
    return true;
  }

  rejected(version: string, message: string, now: number): boolean {
    const offer = this.find(version);
    if (offer === undefined || this.rejects(version)) return false;
    const culprit = findCulprit(offer.filters, this.running?.filters ?? this.lastGood?.filters, message);
    this.rejections ??= new Map();
    setBounded(this.rejections, version, { filters: offer.filters, culprit, message, at: now }, MAX_REJECTED);
    return true;
  }

  rejects(version: string): boolean {
    return this.rejections?.has(version) ?? false;
  }

  claimed(version: string | undefined): void {
    this.lose(version);
    this.saidVacant = version === undefined;
    if (version === undefined || version !== this.running?.version) this.running = undefined;
  }

  resumed(): void {
    this.lose(this.running?.version);
  }

  forgive(): void {
    this.rejections = undefined;
  }

  /** What was offered under this version. */
  private find(version: string): Offer | undefined {
    const { desired, overtaken, lastGood } = this;
    if (desired?.resource.version === version) return desired;
    return overtaken?.get(version) ?? (lastGood?.resource.version === version ? lastGood : undefined);
  }

  /** Forgets the offers before this version, all but the desired one. */
  private dropBefore(version: string): void {
    const { overtaken } = this;
    if (overtaken === undefined) return;
    for (const older of overtaken.keys()) {
      if (older === version) return;
      overtaken.delete(older);
    }
    this.overtaken = undefined;
  }

  private lose(held: string | undefined): void {
    const open = this.desired?.resource.version;
    if (open === undefined || open === held || open === this.running?.version || this.rejects(open)) return;
    this.attempt = (this.attempt + 1) % ATTEMPTS;
  }
}
