import type { Chain, ChainEntry, DeliveredFilter } from "../../model/delivery.ts";
import { type FilterKey, isSameFilter } from "../../model/filter.ts";
import { placeholder } from "../../model/placeholder.ts";
import type { Ledger, Offer } from "./ledger.ts";
import type { ProxyRecord } from "./proxy.ts";

/**
 * What this name of this proxy is served of a chain, by what the proxy has:
 * - A placeholder that yields holds the name where the proxy has loaded the filter, or says that it has something which may be it. One that lets pass is left
 *   out elsewhere.
 * - A filter that must be there comes after its placeholder, where the proxy lets requests pass without it now. One that holds nothing yet lets none pass.
 *
 * `offerOf`: what would be served of a chain.
 */
export function standing(chain: Chain, record: ProxyRecord, ledger: Ledger, offerOf: (chain: Chain) => Offer): Chain | "hold" {
  const { filter: only } = ledger;
  const own = only === undefined ? chain : chain.filter(({ filter }) => isSameFilter(filter, only));
  const yielding = own.filter(({ placeholder }) => placeholder === "yields" || placeholder === "passes");
  const present = yielding.length === 0 ? chain : chain.filter(({ placeholder }) => placeholder !== "passes");
  if (yielding.length > 0 && mayHave(present, yielding, ledger, offerOf)) return "hold";
  if (!own.some((entry) => entry.placeholder !== undefined || isUnguarded(entry, record, ledger))) return present;
  return present.map((entry) => {
    const stand = isUnguarded(entry, record, ledger) ? placeholder(entry.filter, entry.settings, "replaces") : entry;
    return stand.placeholder === undefined ? stand : acceptable(stand, stand.placeholder, ledger, offerOf);
  });
}

/** A place for one filter may not take one for some requests only. What stands there then answers all of them. */
function acceptable(
  entry: ChainEntry,
  stands: NonNullable<ChainEntry["placeholder"]>,
  ledger: Ledger,
  offerOf: (chain: Chain) => Offer,
): ChainEntry {
  if (ledger.filter === undefined || !ledger.rejects(offerOf([entry]).resource.version)) return entry;
  return placeholder(entry.filter, { ...entry.settings, match: undefined }, stands);
}

/** True when the proxy runs a placeholder under this name whose filter is there by now. */
export function isDueMore(chain: Chain, { running }: Ledger): boolean {
  return chain.some((entry) => entry.placeholder === undefined && runs(running?.filters, entry.filter) === "placeholder");
}

/** What the proxy says that it has is told by its version: without these filters, or as it would be served now, it has not loaded them. */
function mayHave(chain: Chain, yielding: Chain, { running, unread }: Ledger, offerOf: (chain: Chain) => Offer): boolean {
  if (running !== undefined) return yielding.some(({ filter }) => runs(running.filters, filter) === "filter");
  if (unread === undefined) return false;
  const without = chain.filter((entry) => !yielding.includes(entry));
  return [chain, without].every((each) => offerOf(each).resource.version !== unread);
}

/** True for a filter that must be there, where the proxy is known to run something without it. */
function isUnguarded({ filter, mustBeThere, placeholder }: ChainEntry, record: ProxyRecord, { running, isNewPlace }: Ledger): boolean {
  if (mustBeThere !== true || placeholder !== undefined) return false;
  if (running === undefined) return isNewPlace;
  if (runs(running.filters, filter) !== undefined) return false;
  // A filter that moves from one slot to another is not new to the proxy.
  for (const other of record.ledgers.values()) if (runs(other.running?.filters, filter) === "filter") return false;
  return true;
}

function runs(running: readonly DeliveredFilter[] | undefined, filter: FilterKey): "filter" | "placeholder" | undefined {
  const found = running?.find((entry) => isSameFilter(entry.filter, filter));
  if (found === undefined) return undefined;
  return found.isPlaceholder ? "placeholder" : "filter";
}
