import type { DeliveredFilter, ProxyHealth, ProxyNode, SlotDelivery } from "../../model/delivery.ts";
import { isDigest } from "../../model/digest.ts";
import { proxyKey } from "../../model/proxy-key.ts";
import { type Filter, FromCaller, type Health, type Proxy as ProxyMessage, type Report, type Slot } from "../gen/weir/v1/replicas.ts";

/** What a report says. */
export interface Reported {
  readonly proxies: readonly ProxyNode[];
  /** Keys of proxies that are forgotten. */
  readonly gone: readonly string[];
  /** By the key of the proxy. */
  readonly health: ReadonlyMap<string, ProxyHealth>;
}

/** As a message. What proxies run is mostly the same, so each filter and each version is in it once. */
export function encodeReport({ proxies, gone, health }: Reported): Report {
  const filters = createTable<Filter>();
  const versions = createTable<string>();
  const refer = { filter: (filter: DeliveredFilter) => filters.indexOf(filterMessage(filter)), version: versions.indexOf };
  const messages = proxies.map((proxy) => proxyMessage(proxy, refer));
  return {
    ...{ filters: filters.rows, proxies: messages, gone: [...gone], versions: versions.rows },
    health: Array.from(health, ([key, known]) => healthMessage(key, known)),
  };
}

/** A peer takes messages of 4 MiB, and one that is refused ends the call. */
const MOST_BYTES = 1024 * 1024;
/** Of one proxy: more than any has, and what is said of them has its place in one message. */
const [MAX_SLOTS, MAX_REJECTION] = [256, 1_024];

/** As messages of what a replica says to a peer: one, or as many as it takes for none to be too large. */
export function reportMessages(report: Reported): Uint8Array[] {
  const bytes = FromCaller.encode({ said: { $case: "report", report: encodeReport(report) } }).finish();
  return bytes.length <= MOST_BYTES ? [bytes] : partsOf(report).flatMap(reportMessages);
}

/** Smaller ones, in order: each list by itself, one that is alone in halves. What cannot be made smaller is left out. */
function partsOf({ proxies, gone, health }: Reported): Reported[] {
  const parts = [
    { proxies, gone: [], health: NO_HEALTH },
    { proxies: [], gone, health: NO_HEALTH },
    { proxies: [], gone: [], health },
  ].filter(isSaid);
  if (parts.length > 1) return parts;
  const counters = [...health];
  const all = proxies.length + gone.length + counters.length;
  if (all <= 1) return [];
  // Two of the lists are empty.
  const half = (from: number, to: number) => ({
    proxies: proxies.slice(from, to),
    gone: gone.slice(from, to),
    health: new Map(counters.slice(from, to)),
  });
  const middle = Math.ceil(all / 2);
  return [half(0, middle), half(middle, all)];
}

const NO_HEALTH: Reported["health"] = new Map();

function isSaid({ proxies, gone, health }: Reported): boolean {
  return proxies.length + gone.length + health.size > 0;
}

/** Rows of which each is there once. */
function createTable<Row>() {
  const rows: Row[] = [];
  const indexes = new Map<string, number>();
  const indexOf = (row: Row): number => {
    const key = JSON.stringify(row);
    const known = indexes.get(key);
    if (known !== undefined) return known;
    indexes.set(key, rows.length);
    return rows.push(row) - 1;
  };
  return { rows, indexOf };
}

/** Where in the message something is that proxies refer to. */
interface Refer {
  filter(filter: DeliveredFilter): number;
  version(version: string): number;
}

function filterMessage({ filter, revision, digest, wasmDigest, hash, isPlaceholder, plugin }: DeliveredFilter): Filter {
  const more = { ...(isPlaceholder === true ? { placeholder: true } : {}), ...(plugin === undefined ? {} : { plugin }) };
  return { namespace: filter.namespace, name: filter.name, revision, digest, wasmDigest, hash, ...more };
}

function proxyMessage(proxy: ProxyNode, refer: Refer): ProxyMessage {
  const { id, namespace, labels, connected, since, hungSince, endedAt, reportsEveryMs, takesChains, version, isOverdue } = proxy;
  const slots = [...proxy.slots.values()].filter(isUsed).slice(0, MAX_SLOTS);
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
    slots: slots.map((slot) => slotMessage(slot, refer)),
    ...overdue,
  };
}

/** A proxy may ask for names without end: of those that nothing is sent to, nothing is told. */
function isUsed({ desired, running, rejection, isUnread, holds }: SlotDelivery): boolean {
  return desired.length > 0 || running !== undefined || rejection !== undefined || isUnread === true || holds !== undefined;
}

function slotMessage({ slot, desired, running, runningSince, rejection, isUnread, holds }: SlotDelivery, refer: Refer): Slot {
  return {
    name: slot,
    desired: desired.map(refer.filter),
    runs: running !== undefined,
    running: running?.map(refer.filter) ?? [],
    runningSince,
    rejection: rejection && {
      filters: rejection.filters.map(refer.filter),
      culprit: rejection.culprit && refer.filter(rejection.culprit),
      message: rejection.message.slice(0, MAX_REJECTION),
      at: rejection.at,
    },
    ...(isUnread === true ? { unread: true } : {}),
    ...(holds === undefined ? {} : { holds: refer.version(holds) }),
  };
}

function healthMessage(proxy: string, { at, requests, errors5xx, latencySumMs, latencyCount, vmFailures }: ProxyHealth): Health {
  return { proxy, at, requests, errors5xx, latencySumMs, latencyCount, vmFailures: Object.fromEntries(vmFailures) };
}

/** Reads a report. `offsetMs`: what is added to its times to have them by the clock of this machine. What makes no sense is passed over. */
export function decodeReport({ filters = [], proxies = [], gone = [], health = [], versions = [] }: Report, offsetMs: number): Reported {
  const known = filters.map(readFilter);
  const filtersOf = (indexes: readonly number[] = []) => indexes.map((index) => known[index]).filter((filter) => filter !== undefined);
  const said: SaidThere = { filtersOf, versions, offsetMs };
  return {
    proxies: proxies.map((proxy) => readProxy(proxy, said)),
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

/** What is said once in a report for all its proxies. */
interface SaidThere {
  filtersOf(indexes?: readonly number[]): DeliveredFilter[];
  readonly versions: readonly string[];
  readonly offsetMs: number;
}

function readProxy(message: ProxyMessage, said: SaidThere): ProxyNode {
  const { offsetMs } = said;
  const { id = "", namespace = "", labels = {}, connected = false, takesChains = false, version = "", reportsEveryMs, overdue } = message;
  const time = (ms: number | undefined) => (ms === undefined ? undefined : ms + offsetMs);
  const slots = (message.slots ?? []).map((slot) => readSlot(slot, said));
  return {
    ...{ key: proxyKey(namespace, id), id, namespace, labels, connected, takesChains, version, reportsEveryMs },
    since: (message.since ?? 0) + offsetMs,
    hungSince: time(message.hungSince),
    endedAt: time(message.endedAt),
    ...(overdue === true ? { isOverdue: true } : {}),
    slots: new Map(slots.map((slot) => [slot.slot, slot])),
  };
}

function readSlot(message: Slot, { filtersOf, versions, offsetMs }: SaidThere): SlotDelivery {
  const { name = "", desired, runs, running, runningSince, rejection, unread } = message;
  const holds = message.holds === undefined ? undefined : versions[message.holds];
  return {
    slot: name,
    desired: filtersOf(desired),
    running: runs === true ? filtersOf(running) : undefined,
    ...(unread === true ? { isUnread: true } : {}),
    ...(holds === undefined ? {} : { holds }),
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
