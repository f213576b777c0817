import type { Clock } from "../../model/clock.ts";
import type { Chain, ChainEntry } from "../../model/delivery.ts";
import { isSameFilter } from "../../model/filter.ts";
import { managedPlaces, managedResources } from "../envoy/managed.ts";
import { whyUnfit } from "../envoy/unfit.ts";
import type { Cache } from "../protocol/cache.ts";
import { typeUrls } from "../protocol/resource.ts";
import type { NodeInfo } from "../stream/node.ts";
import type { AnswerLog } from "./answer-log.ts";
import type { Ledger, Offer } from "./ledger.ts";
import type { Offers } from "./offers.ts";
import type { Proxies } from "./proxies.ts";
import type { ProxyRecord } from "./proxy.ts";
import { isDueMore, standing } from "./standing.ts";

export interface ServeDeps {
  readonly cache: Cache;
  readonly offers: Offers;
  readonly proxies: Pick<Proxies, "touch">;
  readonly answers: Pick<AnswerLog, "unfit">;
  readonly clock: Pick<Clock, "now">;
}

/** Puts into the cache what this name should be served now. What the proxy is too old for counts as rejected, without being sent. */
export function serve(deps: ServeDeps, record: ProxyRecord, ledger: Ledger): void {
  const { cache, offers } = deps;
  const { key } = record.node;
  const assigned = record.assigned?.get(ledger.slot) ?? [];
  const offerOf = (chain: Chain) => offerFor(offers, record, ledger, chain);
  const chain = assigned === "hold" ? assigned : standing(assigned, record, ledger, offerOf);
  // On hold nothing new is sent. A stream that comes back is still sent what was served before.
  if (chain !== "hold") desire(deps, record, ledger, chain, offerOf(chain));
  else if (record.lacking.has(ledger.name)) return;
  record.lacking.delete(ledger.name);
  const { served } = ledger;
  if (served !== undefined) cache.put(key, served);
  else cache.hold(key, typeUrls.extensionConfig, ledger.name);
}

/** `offer`: what this name would be served of the chain. */
function desire({ proxies, answers, clock }: ServeDeps, record: ProxyRecord, ledger: Ledger, chain: Chain, offer: Offer): void {
  ledger.desire(offer);
  const isOffered = ({ filter, placeholder }: ChainEntry) =>
    placeholder === undefined && offer.filters.some((each) => isSameFilter(each.filter, filter));
  const reason = whyUnfit(chain, record.node.version, isOffered);
  if (reason === undefined || !ledger.rejected(offer.resource.version, reason, clock.now())) return;
  answers.unfit(record.node, ledger, reason);
  proxies.touch(record);
}

function offerFor(offers: Offers, record: ProxyRecord, ledger: Ledger, chain: Chain): Offer {
  const { node, types } = record;
  const { name, slot, filter, attempt } = ledger;
  if (filter === undefined) return offers.chain(slot, chain, node.dialect, attempt);
  const found = chain.find((each) => isSameFilter(each.filter, filter));
  // The place of one filter has no room for two copies.
  const entry = found?.dark === undefined ? found : found.dark.otherwise;
  if (entry !== undefined) {
    types.set(name, entry.type);
    if (ledger.isNewPlace && entry.placeholder === undefined) return offers.empty(slot, filter, entry.type, node.dialect, attempt);
    return offers.filter(slot, entry, node.dialect, attempt);
  }
  const empty = offers.empty(slot, filter, types.get(name) ?? "HTTP", node.dialect, attempt);
  // The name does not say which type of filter belongs there. The proxy does, by rejecting the wrong one.
  const wrong = !types.has(name) && ledger.rejects(empty.resource.version);
  return wrong ? offers.empty(slot, filter, "Network", node.dialect, attempt) : empty;
}

/** True when what this name is served depends on what the proxy acknowledged under it. */
export function followsAcks({ node, assigned }: ProxyRecord, ledger: Ledger): boolean {
  if (node.managed !== undefined && ledger.filter !== undefined) return true;
  const chain = assigned?.get(ledger.slot);
  return chain !== undefined && chain !== "hold" && isDueMore(chain, ledger);
}

/**
 * True for a place that was added to a listener which takes requests already. Envoy answers 500 while the first config of a place is rejected. So this
 * place is first filled with a plugin that lets everything pass, and then with its filter: a rejection of that changes nothing for requests.
 * A place that the proxy's first listener has is none of these: no request came before it, and what is to happen without its filter is the proxy's to say.
 */
export function isNewPlace({ node, listening, resumed }: ProxyRecord, name: string): boolean {
  if (node.managed === undefined) return false;
  return listening === undefined ? resumed : !listening.places.has(name);
}

/** A text that changes with everything in a node that the listener of a managed sidecar depends on. */
export function managedKey({ managed, dialect }: NodeInfo): string {
  return JSON.stringify([managed, dialect]);
}

/** The listener, route and cluster of a managed sidecar. While one of its slots is on hold they do not change, because a listener may name the slot's filters. */
export function serveManaged(cache: Cache, record: ProxyRecord): void {
  const { node, assigned } = record;
  if (node.managed === undefined || assigned === undefined) return;
  const chains = new Map<string, Chain>();
  for (const slot of node.managed.slots) {
    const chain = assigned.get(slot) ?? [];
    if (chain === "hold") return;
    chains.set(slot, chain);
  }
  const resources = managedResources(node.managed, node.dialect, chains);
  const version = resources.find(({ typeUrl }) => typeUrl === typeUrls.listener)?.version ?? "";
  record.listener = { version, places: managedPlaces(node.managed, node.dialect, chains) };
  for (const typeUrl of [typeUrls.cluster, typeUrls.endpoint, typeUrls.listener, typeUrls.route]) {
    cache.set(
      node.key,
      typeUrl,
      resources.filter((resource) => resource.typeUrl === typeUrl),
    );
  }
}
