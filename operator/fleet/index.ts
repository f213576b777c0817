import type { ProxyNode } from "../../model/delivery.ts";
import { type Filter, filterId } from "../../model/filter.ts";
import { selects } from "../../model/selector.ts";

type Selecting = Pick<Filter, "key" | "selector">;

/** Proxies with the same namespace and labels: a selector matches all of them or none. */
interface ProxyClass {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly proxies: Set<string>;
  readonly filters: Set<string>;
}

/**
 * Which filters concern which proxies. Selectors are evaluated once per class of equally labelled proxies and per selector change, so a change
 * of one filter costs what its own proxies cost, not the whole fleet.
 */
export interface FleetIndex {
  /** Adds a proxy or moves it to the class of its present labels. Returns the filters that no longer select it. */
  setProxy(proxy: Pick<ProxyNode, "id" | "namespace" | "labels">): readonly string[];
  removeProxy(id: string): void;
  /** Adds a filter or its new selector. Returns the proxies that it concerned before or concerns now. */
  setFilter(filter: Selecting): ReadonlySet<string>;
  /** Returns the proxies that it concerned. */
  removeFilter(id: string): ReadonlySet<string>;
  /** Ids of the filters that select this proxy. */
  filtersOf(proxyId: string): Iterable<string>;
  isSelected(filterId: string, proxyId: string): boolean;
  /** Ids of the proxies that this filter selects. */
  proxiesOf(filterId: string): Iterable<string>;
}

/** `everywhere`: the operator's own namespace, whose filters reach the proxies of every namespace. */
export function createFleetIndex(everywhere: string | undefined): FleetIndex {
  const classes = new Map<string, ProxyClass>();
  const classOf = new Map<string, ProxyClass>();
  const filters = new Map<string, Selecting>();
  const classesOf = new Map<string, Set<ProxyClass>>();

  const concerns = (filter: Selecting, group: ProxyClass) =>
    (filter.key.namespace === group.namespace || filter.key.namespace === everywhere) && selects(filter.selector, group.labels);

  function link(id: string, filter: Selecting, group: ProxyClass): void {
    if (!concerns(filter, group)) return;
    group.filters.add(id);
    const linked = classesOf.get(id) ?? new Set();
    classesOf.set(id, linked.add(group));
  }

  function classFor(proxy: Pick<ProxyNode, "namespace" | "labels">): ProxyClass {
    const labels = Object.entries(proxy.labels).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    const name = JSON.stringify([proxy.namespace, labels]);
    const known = classes.get(name);
    if (known !== undefined) return known;
    const group: ProxyClass = { namespace: proxy.namespace, labels: proxy.labels, proxies: new Set(), filters: new Set() };
    classes.set(name, group);
    for (const [id, filter] of filters) link(id, filter, group);
    return group;
  }

  function* proxiesOf(id: string): Iterable<string> {
    for (const group of classesOf.get(id) ?? []) yield* group.proxies;
  }

  function unlink(id: string): void {
    for (const group of classesOf.get(id) ?? []) group.filters.delete(id);
    classesOf.delete(id);
  }

  return {
    setProxy(proxy) {
      const group = classFor(proxy);
      const before = classOf.get(proxy.id);
      if (before === group) return [];
      before?.proxies.delete(proxy.id);
      group.proxies.add(proxy.id);
      classOf.set(proxy.id, group);
      return [...(before?.filters ?? [])].filter((id) => !group.filters.has(id));
    },
    removeProxy(id) {
      const group = classOf.get(id);
      group?.proxies.delete(id);
      classOf.delete(id);
      if (group !== undefined && group.proxies.size === 0) dropClass(group);
    },
    setFilter(filter) {
      const id = filterId(filter.key);
      const concerned = new Set(proxiesOf(id));
      const before = filters.get(id);
      filters.set(id, filter);
      if (before !== undefined && JSON.stringify(before.selector) === JSON.stringify(filter.selector)) return concerned;
      unlink(id);
      for (const group of classes.values()) link(id, filter, group);
      for (const proxy of proxiesOf(id)) concerned.add(proxy);
      return concerned;
    },
    removeFilter(id) {
      const concerned = new Set(proxiesOf(id));
      unlink(id);
      filters.delete(id);
      return concerned;
    },
    isSelected: (filterId, proxyId) => classOf.get(proxyId)?.filters.has(filterId) === true,
    filtersOf: (proxyId) => classOf.get(proxyId)?.filters ?? [],
    proxiesOf,
  };

  function dropClass(group: ProxyClass): void {
    for (const [name, known] of classes) if (known === group) classes.delete(name);
    for (const id of group.filters) classesOf.get(id)?.delete(group);
  }
}
