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

/** How many of the last offers are remembered, to know what a late acknowledgement is about. */
const MAX_OFFERED = 8;
const MAX_REJECTED = 32;
/** Envoy compares a config with the last one only, so a few different attempts are enough. */
const ATTEMPTS = 16;

/**
 * What is known of one resource name on one proxy: what it is meant to hold, what it acknowledged, what it rejected. Pure.
 *
 * When a rejected config comes again, Envoy acknowledges it without applying it. So a rejected version is not served again, an acknowledgement of it
 * means nothing, and after a rejection the last good config is served instead.
 */
export class Ledger {
  readonly name: string;
  readonly slot: string;
  /** The one filter of this name; `undefined` for the chain of a slot. */
  readonly filter: FilterKey | undefined;
  private offered: Offer | undefined;
  private acknowledged: Running | undefined;
  private attempts = 0;
  private lastGood: Offer | undefined;
  /** Version -> an offer before the desired one that may still be acknowledged; the oldest comes first. Created when it is needed, as `rejections` is. */
  private overtaken: Map<string, Offer> | undefined;
  /** Rejected version -> why. */
  private rejections: Map<string, Rejection> | undefined;
  private saidNew = false;
  private claim: string | undefined;

  constructor(name: string, slot: string, filter: FilterKey | undefined) {
    this.name = name;
    this.slot = slot;
    this.filter = filter;
  }

  get desired(): Offer | undefined {
    return this.offered;
  }

  get running(): Running | undefined {
    return this.acknowledged;
  }

  /** The version that the proxy said it has, until it acknowledges something; empty where it did not say which. `undefined`: it said nothing of the kind. */
  get unread(): string | undefined {
    return this.acknowledged === undefined ? this.claim : undefined;
  }

  /** Changes each time that an answer to what is desired may have been lost. */
  get attempt(): number {
    return this.attempts;
  }

  /** Set while what is desired is known to be rejected. */
  get rejection(): Rejection | undefined {
    return this.offered && this.rejections?.get(this.offered.resource.version);
  }

  /** What the proxy should be served: the desired offer, the last good one when that was rejected, or nothing new. */
  get served(): Resource | undefined {
    const { offered, lastGood } = this;
    if (offered === undefined || !this.rejects(offered.resource.version)) return offered?.resource;
    return lastGood !== undefined && !this.rejects(lastGood.resource.version) ? lastGood.resource : undefined;
  }

  /** True for a new place of a listener in use, until the proxy acknowledged something in it. */
  get isNewPlace(): boolean {
    return this.saidNew && this.acknowledged === undefined;
  }

  desire(offer: Offer): void {
    const { offered, acknowledged } = this;
    const { version } = offer.resource;
    this.overtaken?.delete(version);
    if (offered !== undefined && offered.resource.version !== version) {
      this.overtaken ??= new Map();
      setBounded(this.overtaken, offered.resource.version, offered, MAX_OFFERED - 1);
    }
    this.offered = offer;
    if (acknowledged?.version === version && acknowledged.filters !== offer.filters) {
      this.acknowledged = { ...acknowledged, filters: offer.filters };
    }
  }

  /** The proxy acknowledged this version. True when that changed what is known. `now`: milliseconds since the epoch. */
  acked(version: string, now: number): boolean {
    const offer = this.find(version);
    if (offer === undefined || this.rejects(version)) return false;
    this.lastGood = offer;
    if (this.acknowledged?.version === version) return false;
    this.acknowledged = { version, filters: offer.filters, since: now };
    this.dropBefore(version);
    return true;
  }

  /** The proxy rejected this version. True when that changed what is known. `message`: its own words. */
  rejected(version: string, message: string, now: number): boolean {
    const offer = this.find(version);
    if (offer === undefined || this.rejects(version)) return false;
    const culprit = findCulprit(offer.filters, this.acknowledged?.filters ?? this.lastGood?.filters, message);
    this.rejections ??= new Map();
    setBounded(this.rejections, version, { filters: offer.filters, culprit, message, at: now }, MAX_REJECTED);
    return true;
  }

  /** True for a version that was rejected before. */
  rejects(version: string): boolean {
    return this.rejections?.has(version) ?? false;
  }

  /**
   * The proxy subscribes anew and says that it holds this version (`undefined`: nothing). An answer that it owed is lost.
   * `isNewPlace`: it takes requests already, by a listener that had no place for this.
   */
  claimed(version: string | undefined, isNewPlace = false): void {
    this.loseAnswer(version);
    this.saidNew = version === undefined && isNewPlace;
    this.claim = version;
    if (version === undefined || version !== this.acknowledged?.version) this.acknowledged = undefined;
  }

  /** The same, from a proxy that does not say what it holds under this name. `version`: what it has under one of its names; empty: it has several. */
  resumed(version: string): void {
    this.loseAnswer(version === "" ? this.acknowledged?.version : version);
    this.claim = version;
    // It was elsewhere meanwhile, and has what it was given there.
    if (version !== "" && version !== this.acknowledged?.version) this.acknowledged = undefined;
  }

  /** The proxy is another program than the one that rejected: everything may be tried again. */
  forgive(): void {
    this.rejections = undefined;
  }

  /** What was offered under this version. */
  private find(version: string): Offer | undefined {
    const { offered, overtaken, lastGood } = this;
    if (offered?.resource.version === version) return offered;
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

  /** `held`: the version that the proxy has. If that is not what is desired, its answer to the desired one may have been lost. */
  private loseAnswer(held: string | undefined): void {
    const open = this.offered?.resource.version;
    if (open === undefined || open === held || open === this.acknowledged?.version || this.rejects(open)) return;
    this.attempts = (this.attempts + 1) % ATTEMPTS;
  }
}
