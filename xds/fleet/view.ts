import type { ChainEntry, DeliveredFilter, ProxyNode, Rejection, SlotDelivery } from "../../model/delivery.ts";
import { filterId, isSameFilter } from "../../model/filter.ts";
import { isVersion } from "../envoy/chain.ts";
import type { Ledger, Running } from "./ledger.ts";
import { delivered } from "./offers.ts";
import type { ProxyRecord } from "./proxy.ts";

/** A proxy as the other rooms see it. */
export function viewOf(record: ProxyRecord): ProxyNode {
  const { node } = record;
  const connected = record.streams.size > 0;
  const bySlot = new Map<string, Ledger[]>();
  for (const ledger of record.ledgers.values()) {
    if (connected && !record.subscribers.has(ledger.name)) continue;
    const known = bySlot.get(ledger.slot);
    if (known === undefined) bySlot.set(ledger.slot, [ledger]);
    else known.push(ledger);
  }
  const slots = new Map([...bySlot].map(([slot, ledgers]) => [slot, slotOf(slot, ledgers, record)]));
  return {
    key: node.key,
    id: node.id,
    namespace: node.namespace,
    labels: node.labels,
    connected,
    since: record.since,
    hungSince: record.pulse.hungSince,
    endedAt: record.pulse.endedAt,
    ...(record.pulse.isOverdue ? { isOverdue: true } : {}),
    reportsEveryMs: record.pulse.expectedMs,
    takesChains: node.dialect.form === "chain",
    version: node.version,
    slots,
  };
}

function slotOf(slot: string, ledgers: readonly Ledger[], record: ProxyRecord): SlotDelivery {
  const desired = desiredOf(slot, ledgers, record);
  const acknowledged = ledgers.flatMap(({ running }) => (running === undefined ? [] : [running]));
  const position = new Map(desired.map(({ filter }, index) => [filterId(filter), index]));
  const place = ({ filter }: DeliveredFilter) => position.get(filterId(filter)) ?? desired.length;
  return {
    slot,
    desired,
    running: running(acknowledged, place),
    runningSince: acknowledged.length > 0 ? acknowledged.reduce((last, { since }) => Math.max(last, since), 0) : undefined,
    rejection: latest(ledgers),
    ...(acknowledged.length === 0 && ledgers.some(({ unread }) => unread !== undefined) ? { isUnread: true } : {}),
    ...holding(ledgers),
  };
}

/** Under each of the slot's names: what it acknowledged last, or says that it has. */
function holding(ledgers: readonly Ledger[]): Pick<SlotDelivery, "holds"> {
  const versions = ledgers.map(({ running, unread }) => running?.version ?? unread).filter((version) => version !== undefined);
  if (versions.length === 0 || versions.includes("")) return {};
  // Servers hear the names in different orders; and what a proxy says itself may be anything.
  return {
    holds: versions
      .map((version) => (isVersion(version) ? version : "unknown"))
      .sort()
      .join(" "),
  };
}

/** A chain is acknowledged in its own order. Filters that are acknowledged one by one are put in the desired order. */
function running(acknowledged: readonly Running[], place: (filter: DeliveredFilter) => number): readonly DeliveredFilter[] | undefined {
  const [only, ...rest] = acknowledged;
  if (only === undefined || rest.length === 0) return only?.filters;
  return acknowledged.flatMap(({ filters }) => filters).sort((a, b) => place(a) - place(b));
}

/** The whole chain. A filter for which the proxy has no place is part of it, and stays pending. */
function desiredOf(slot: string, ledgers: readonly Ledger[], { assigned }: ProxyRecord): readonly DeliveredFilter[] {
  const chain = assigned?.get(slot);
  if (chain === "hold") return ledgers.flatMap(({ desired, running }) => desired?.filters ?? running?.filters ?? []);
  const shown = (entry: ChainEntry) => kept(entry, ledgers) ?? (entry.placeholder === "passes" ? undefined : delivered(entry));
  return chain?.map(shown).filter((entry) => entry !== undefined) ?? [];
}

/** What the proxy has loaded of a filter whose placeholder yields. */
function kept({ filter, placeholder }: ChainEntry, ledgers: readonly Ledger[]): DeliveredFilter | undefined {
  if (placeholder === undefined || placeholder === "replaces") return undefined;
  const loaded = ledgers.flatMap(({ running }) => running?.filters ?? []).filter(({ isPlaceholder }) => isPlaceholder !== true);
  return loaded.find((each) => isSameFilter(each.filter, filter));
}

function latest(ledgers: readonly Ledger[]): Rejection | undefined {
  const rejections = ledgers.flatMap(({ rejection }) => (rejection === undefined ? [] : [rejection]));
  return rejections.sort((a, b) => b.at - a.at)[0];
}
