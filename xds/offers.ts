import type { Chain, ChainEntry, DeliveredFilter } from "../model/delivery.ts";
import type { FilterKey, FilterType } from "../model/filter.ts";
import type { Offer } from "./ledger.ts";
import type { Resource } from "./resource.ts";
import { chainResource, chainVersion, passThroughResource, wasmResource, wasmVersion } from "./resources/chain.ts";
import type { Dialect } from "./resources/dialect.ts";

/** Makes offers out of chains. However many proxies hold the same chain, it is encoded once and kept for as long as one of them does. */
export interface Offers {
  chain(slot: string, chain: Chain, dialect: Dialect): Offer;
  filter(slot: string, entry: ChainEntry, dialect: Dialect): Offer;
  /** What fills the place of a filter that is not there. */
  empty(slot: string, filter: FilterKey, type: FilterType, dialect: Dialect): Offer;
  /** Encoded resources in memory. */
  size(): number;
}

export function createOffers(): Offers {
  const encoded = new Map<string, WeakRef<Resource>>();
  /** The offers of a chain by slot and dialect, for as long as the chain itself is in use: proxies that share it cost nothing more. */
  const ofChain = new WeakMap<Chain, Map<string, Offer>>();
  const released = new FinalizationRegistry<string>((version) => {
    if (encoded.get(version)?.deref() === undefined) encoded.delete(version);
  });

  function once(version: string, encode: () => Resource): Resource {
    const known = encoded.get(version)?.deref();
    if (known !== undefined) return known;
    const resource = encode();
    encoded.set(version, new WeakRef(resource));
    released.register(resource, version);
    return resource;
  }

  return {
    chain(slot, chain, dialect) {
      const known = ofChain.get(chain) ?? new Map<string, Offer>();
      ofChain.set(chain, known);
      const key = `${dialect.restriction} ${slot}`;
      const resource = known.get(key)?.resource ?? once(chainVersion(slot, chain, dialect), () => chainResource(slot, chain, dialect));
      const offer = known.get(key) ?? { resource, filters: chain.filter(({ type }) => type === "HTTP").map(delivered) };
      known.set(key, offer);
      return offer;
    },
    filter(slot, entry, dialect) {
      const resource = once(wasmVersion(slot, entry, dialect), () => wasmResource(slot, entry, dialect));
      return { resource, filters: [delivered(entry)] };
    },
    empty(slot, filter, type, dialect) {
      const key = `empty ${type} ${dialect.restriction} ${slot}/${filter.namespace}/${filter.name}`;
      const resource = once(key, () => passThroughResource(slot, filter, type, dialect));
      return { resource, filters: [] };
    },
    size: () => encoded.size,
  };
}

export function delivered({ filter, revision, digest, wasmDigest, hash }: ChainEntry): DeliveredFilter {
  return { filter, revision, digest, wasmDigest, hash };
}
