import type { DeliveredFilter, ProxyHealth, ProxyNode, SlotDelivery } from "../../model/delivery.ts";
import { isDigest } from "../../model/digest.ts";
import { proxyKey } from "../../model/proxy-key.ts";
import type { Filter, Health, Proxy as ProxyMessage, Report, Slot } from "../gen/weir/v1/replicas.ts";

/** What a report says. */
export interface Reported {
  readonly proxies: readonly ProxyNode[];
  /** Keys of proxies that are forgotten. */
  readonly gone: readonly string[];
  /** By the key of the proxy. */
  readonly health: ReadonlyMap<string, ProxyHealth>;
}

/** As a message. What proxies run is mostly the same, so each filter is in it once. */
export function encodeReport({ proxies, gone, health }: Reported): Report {
  const filters: Filter[] = [];
  const indexes = new Map<string, number>();
  const indexOf = (filter: DeliveredFilter): number => {
    const message = filterMessage(filter);
    const key = JSON.stringify(message);
    const known = indexes.get(key);
    if (known !== undefined) return known;
    indexes.set(key, filters.length);
    return filters.push(message) - 1;
  };
  const messages = proxies.map((proxy) => proxyMessage(proxy, indexOf));
  return { filters, proxies: messages, gone: [...gone], health: Array.from(health, ([key, known]) => healthMessage(key, known)) };
}

type IndexOf = (filter: DeliveredFilter) => number;

function filterMessage({ filter, revision, digest, wasmDigest, hash, isPlaceholder, plugin }: DeliveredFilter): Filter {
  const more = { ...(isPlaceholder === true ? { placeholder: true } : {}), ...(plugin === undefined ? {} : { plugin }) };
  return { namespace: filter.namespace, name: filter.name, revision, digest, wasmDigest, hash, ...more };
}

function proxyMessage(proxy: ProxyNode, indexOf: IndexOf): ProxyMessage {
  const { id, namespace, labels, connected, since, hungSince, endedAt, reportsEveryMs, takesChains, version, isOverdue } = proxy;
  const slots = Array.from(proxy.slots.values(), (slot) => slotMessage(slot, indexOf));
  const overdue = isOverdue === true ? { overdue: true } : {};
  return {
    id,
    namespace,
    labels: { ...labels },
    connected,
    since,
    hungSince,
    endedAt,
    reportsEveryMs,
    takesChains,
    version,
    slots,
    ...overdue,
  };
}

function slotMessage({ slot, desired, running, runningSince, rejection, isUnread }: SlotDelivery, indexOf: IndexOf): Slot {
  return {
    name: slot,
    desired: desired.map(indexOf),
    runs: running !== undefined,
    running: running?.map(indexOf) ?? [],
    runningSince,
    rejection: rejection && {
      filters: rejection.filters.map(indexOf),
      culprit: rejection.culprit && indexOf(rejection.culprit),
      message: rejection.message,
      at: rejection.at,
    },
    ...(isUnread === true ? { unread: true } : {}),
  };
}

function healthMessage(proxy: string, { at, requests, errors5xx, latencySumMs, latencyCount, vmFailures }: ProxyHealth): Health {
  return { proxy, at, requests, errors5xx, latencySumMs, latencyCount, vmFailures: Object.fromEntries(vmFailures) };
}

/** Reads a report. `offsetMs`: what is added to its times to have them by the clock of this machine. What makes no sense is passed over. */
export function decodeReport({ filters = [], proxies = [], gone = [], health = [] }: Report, offsetMs: number): Reported {
  const known = filters.map(readFilter);
  const filtersOf = (indexes: readonly number[] = []) => indexes.map((index) => known[index]).filter((filter) => filter !== undefined);
  return {
    proxies: proxies.map((proxy) => readProxy(proxy, filtersOf, offsetMs)),
    gone,
    health: new Map(health.map((one) => [one.proxy ?? "", readHealth(one, offsetMs)])),
  };
}

function readFilter(filter: Filter): DeliveredFilter | undefined {
  const { namespace = "", name = "", revision = 0, digest = "", wasmDigest = "", hash = "", placeholder, plugin } = filter;
  if (!isDigest(digest) || !isDigest(wasmDigest)) return undefined;
  const more = { ...(placeholder === true ? { isPlaceholder: true } : {}), ...(plugin === undefined || plugin === "" ? {} : { plugin }) };
  return { filter: { namespace, name }, revision, digest, wasmDigest, hash, ...more };
}

type FiltersOf = (indexes?: readonly number[]) => DeliveredFilter[];

function readProxy(message: ProxyMessage, filtersOf: FiltersOf, offsetMs: number): ProxyNode {
  const { id = "", namespace = "", labels = {}, connected = false, takesChains = false, version = "", reportsEveryMs, overdue } = message;
  const time = (ms: number | undefined) => (ms === undefined ? undefined : ms + offsetMs);
  const slots = (message.slots ?? []).map((slot) => readSlot(slot, filtersOf, offsetMs));
  return {
    ...{ key: proxyKey(namespace, id), id, namespace, labels, connected, takesChains, version, reportsEveryMs },
    since: (message.since ?? 0) + offsetMs,
    hungSince: time(message.hungSince),
    endedAt: time(message.endedAt),
    ...(overdue === true ? { isOverdue: true } : {}),
    slots: new Map(slots.map((slot) => [slot.slot, slot])),
  };
}

function readSlot(
  { name = "", desired, runs, running, runningSince, rejection, unread }: Slot,
  filtersOf: FiltersOf,
  offsetMs: number,
): SlotDelivery {
  return {
    slot: name,
    desired: filtersOf(desired),
    running: runs === true ? filtersOf(running) : undefined,
    ...(unread === true ? { isUnread: true } : {}),
    runningSince: runningSince === undefined ? undefined : runningSince + offsetMs,
    rejection: rejection && {
      filters: filtersOf(rejection.filters),
      culprit: rejection.culprit === undefined ? undefined : filtersOf([rejection.culprit])[0],
      message: rejection.message ?? "",
      at: (rejection.at ?? 0) + offsetMs,
    },
  };
}

function readHealth(message: Health, offsetMs: number): ProxyHealth {
  const { at = 0, requests = 0, errors5xx = 0, latencySumMs = 0, latencyCount = 0, vmFailures = {} } = message;
  return { at: at + offsetMs, requests, errors5xx, latencySumMs, latencyCount, vmFailures: new Map(Object.entries(vmFailures)) };
}
