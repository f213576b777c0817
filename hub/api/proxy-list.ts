import type { Pause } from "../../base/pause.ts";
import type { ProxyHead, ProxyView, Views } from "../views.ts";
import { compare, type ListPage, PAGE_ITEMS, type Place } from "./paging.ts";
import { asksFilters, isHeadSelected, isViewSelected, type ProxySelection } from "./selection.ts";

/** By node id, then namespace. */
const placeOf = ({ id, namespace }: ProxyHead): Place => [id, namespace];

/** Filters on the proxies of a page: some 2 MB. A page of proxies that have more ends earlier. */
const PAGE_FILTERS = 10_000;

export interface ProxyPaging {
  readonly limit?: number | undefined;
  readonly continue?: Place | undefined;
}

/** The proxies that are asked for, in the order of the list. Each is made when it is asked for. */
export async function selectedProxies(views: Views, selection: ProxySelection, pause: Pause): Promise<Iterable<ProxyView>> {
  return viewsOf(views, selection, await selectedHeads(views, selection, pause));
}

function* viewsOf(views: Views, selection: ProxySelection, heads: readonly ProxyHead[]): Generator<ProxyView> {
  const asks = asksFilters(selection);
  for (const proxy of views.eachProxy(heads)) {
    if (!asks || proxy.slots.some(({ filters }) => filters.some((view) => isViewSelected(view, selection)))) yield proxy;
  }
}

async function selectedHeads(views: Views, selection: ProxySelection, pause: Pause, after?: Place): Promise<readonly ProxyHead[]> {
  const heads: ProxyHead[] = [];
  for (const head of views.proxyHeads()) {
    if (isHeadSelected(head, selection) && (after === undefined || compare(placeOf(head), after) > 0)) heads.push(head);
    await pause();
  }
  return heads.sort((a, b) => compare(placeOf(a), placeOf(b)));
}

/** A page of the proxies that are asked for. */
export async function pageOfProxies(
  views: Views,
  selection: ProxySelection,
  { limit = PAGE_ITEMS, continue: after }: ProxyPaging,
  pause: Pause,
): Promise<ListPage<ProxyView>> {
  const heads = await selectedHeads(views, selection, pause, after);
  const items: ProxyView[] = [];
  let filters = 0;
  for (const proxy of viewsOf(views, selection, heads)) {
    const size = proxy.slots.reduce((sum, slot) => sum + slot.filters.length, 0);
    if (items.length === limit || (items.length > 0 && filters + size > PAGE_FILTERS)) {
      const last = items.at(-1);
      const left = asksFilters(selection) ? undefined : heads.length - items.length;
      return { items, last: last && placeOf(last), remaining: left };
    }
    items.push(proxy);
    filters += size;
    await pause();
  }
  return { items, last: undefined, remaining: 0 };
}
