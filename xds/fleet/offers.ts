import { LRUCache } from "lru-cache";
import type { Chain, ChainEntry, DeliveredFilter } from "../../model/delivery.ts";
import type { FilterKey } from "../../model/filter.ts";
import type { FilterType } from "../../model/settings.ts";
import { chainResource, chainVersion, passThroughResource, wasmResource, wasmVersion } from "../envoy/chain.ts";
import type { Dialect } from "../envoy/dialect.ts";
import { pluginName } from "../envoy/plugin.ts";
import type { Resource } from "../protocol/resource.ts";
import type { Offer } from "./ledger.ts";

/**
 * Makes offers out of chains. `attempt` changes when an answer of the proxy to an offer may have been lost.
 * Proxies with the same chain share one resource, which is kept for as long as one of them holds it.
 */
export interface Offers {
  chain(slot: string, chain: Chain, dialect: Dialect, attempt: number): Offer;
  filter(slot: string, entry: ChainEntry, dialect: Dialect, attempt: number): Offer;
  /** What fills the place of a filter that is not there. */
  empty(slot: string, filter: FilterKey, type: FilterType, dialect: Dialect, attempt: number): Offer;
  /** Resources in use that hold filters. */
  size(): number;
}

/** Offers without a module that are kept. Proxies choose the names of what is empty, so these must cost next to nothing, and there may be any number of them. */
const MAX_EMPTY = 1024;

/** `epoch` differs from server to server. A proxy may have rejected what an earlier server sent, without that server hearing of it: what is sent now must be other bytes. */
export function createOffers(epoch: string): Offers {
  const encoded = new Map<string, WeakRef<Resource>>();
  /** The first offers of a chain, by dialect and slot, while the chain is in use: another proxy with the same chain costs a lookup. */
  const firsts: Record<Dialect["restriction"], WeakMap<Chain, Map<string, Offer>>> = { vm: new WeakMap(), plugin: new WeakMap() };
  const empty = new LRUCache<string, Offer>({ max: MAX_EMPTY });
  const released = new FinalizationRegistry<string>((key) => {
    if (encoded.get(key)?.deref() === undefined) encoded.delete(key);
  });

  function once(key: string, encode: () => Resource): Resource {
    const known = encoded.get(key)?.deref();
    if (known !== undefined) return known;
    const resource = encode();
    encoded.set(key, new WeakRef(resource));
    released.register(resource, key);
    return resource;
  }

  function vacant(key: string, make: () => Resource): Offer {
    const known = empty.get(key);
    if (known !== undefined) return known;
    const offer = { resource: make(), filters: [] };
    empty.set(key, offer);
    return offer;
  }

  function encodeChain(slot: string, chain: Chain, dialect: Dialect, attempt: number): Offer {
    const version = chainVersion(slot, chain, dialect);
    const resource = once(`${version} ${attempt}`, () => chainResource(slot, chain, dialect, `${epoch}_${attempt}`, version));
    return { resource, filters: chain.filter(({ type }) => type === "HTTP").map(delivered) };
  }

  return {
    chain(slot, chain, dialect, attempt) {
      if (chain.length === 0) {
        const make = () => chainResource(slot, chain, dialect, `${epoch}_${attempt}`, chainVersion(slot, chain, dialect));
        return vacant(`${dialect.restriction} ${attempt} ${slot}`, make);
      }
      if (attempt > 0) return encodeChain(slot, chain, dialect, attempt);
      const bySlot = firsts[dialect.restriction].get(chain);
      const known = bySlot?.get(slot);
      if (known !== undefined) return known;
      const offer = encodeChain(slot, chain, dialect, 0);
      if (bySlot === undefined) firsts[dialect.restriction].set(chain, new Map([[slot, offer]]));
      else bySlot.set(slot, offer);
      return offer;
    },
    filter(slot, entry, dialect, attempt) {
      const resource = once(`${wasmVersion(slot, entry, dialect)} ${attempt}`, () =>
        wasmResource(slot, entry, dialect, `${epoch}_${attempt}`),
      );
      return { resource, filters: [delivered(entry)] };
    },
    empty(slot, filter, type, dialect, attempt) {
      const key = `${type} ${dialect.restriction} ${attempt} ${slot}/${filter.namespace}/${filter.name}`;
      return vacant(key, () => passThroughResource(slot, filter, type, dialect, `${epoch}_${attempt}`));
    },
    size: () => encoded.size,
  };
}

export function delivered(chainEntry: ChainEntry): DeliveredFilter {
  const { filter, revision, digest, wasmDigest, hash, placeholder, dark } = chainEntry;
  const entry = { filter, revision, digest, wasmDigest, hash, ...(dark === undefined ? {} : { plugin: pluginName(chainEntry) }) };
  return placeholder === undefined ? entry : { ...entry, isPlaceholder: true };
}
