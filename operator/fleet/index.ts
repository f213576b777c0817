import type { ProxyNode } from "../../model/delivery.ts";
import { type Filter, filterId } from "../../model/filter.ts";
import { selects } from "../../model/selector.ts";

type Selecting = Pick<Filter, "key" | "selector">;

/** True when the filter is for proxies of this namespace with these labels. `everywhere`: the namespace whose filters reach the proxies of every namespace. */
export function concerns(
  { key, selector }: Selecting,
  { namespace, labels }: Pick<ProxyNode, "namespace" | "labels">,
  everywhere: string | undefined,
): boolean {
  return (key.namespace === namespace || key.namespace === everywhere) && selects(selector, labels);
}

/** Proxies with the same namespace and labels: a selector matches all of them or none. */
interface ProxyClass {
  readonly name: string;
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
  setProxy(proxy: Pick<ProxyNode, "key" | "namespace" | "labels" | "connected">): readonly string[];
  removeProxy(id: string): void;
  /** Adds a filter or its new selector. Returns the proxies that it concerned before or concerns now. */
  setFilter(filter: Selecting): ReadonlySet<string>;
  /** Returns the proxies that it concerned. */
  removeFilter(id: string): ReadonlySet<string>;
  /** Ids of the filters that select this proxy. */
  filtersOf(proxyKey: string): Iterable<string>;
  isSelected(filterId: string, proxyKey: string): boolean;
  /** Ids of the proxies that this filter selects. */
  proxiesOf(filterId: string): Iterable<string>;
  /** How many of the proxies that filters of this namespace can reach are connected. */
  connectedFor(namespace: string): number;
}

/** `everywhere`: the operator's own namespace, whose filters reach the proxies of every namespace. */
export function createFleetIndex(everywhere: string | undefined): FleetIndex {
  return new ClassifyingFleetIndex(everywhere);
}

class ClassifyingFleetIndex implements FleetIndex {
  private readonly everywhere: string | undefined;
  /** By namespace and labels. */
  private readonly classes = new Map<string, ProxyClass>();
  /** Proxy id -> its class. */
  private readonly classOf = new Map<string, ProxyClass>();
  private readonly filters = new Map<string, Selecting>();
  /** Filter id -> the classes that it selects. */
  private readonly classesOf = new Map<string, Set<ProxyClass>>();
  private readonly connected = new Set<string>();
  /** Namespace -> how many of its proxies are connected. */
  private readonly connectedIn = new Map<string, number>();

  constructor(everywhere: string | undefined) {
    this.everywhere = everywhere;
  }

  setProxy(proxy: Pick<ProxyNode, "key" | "namespace" | "labels" | "connected">): readonly string[] {
    this.count(proxy.key, proxy.namespace, proxy.connected);
    const group = this.classFor(proxy);
    const before = this.classOf.get(proxy.key);
    if (before === group) return [];
    group.proxies.add(proxy.key);
    this.classOf.set(proxy.key, group);
    if (before === undefined) return [];
    this.leave(before, proxy.key);
    return [...before.filters].filter((id) => !group.filters.has(id));
  }

  removeProxy(id: string): void {
    const group = this.classOf.get(id);
    this.classOf.delete(id);
    if (group === undefined) return;
    this.count(id, group.namespace, false);
    this.leave(group, id);
  }

  setFilter(filter: Selecting): ReadonlySet<string> {
    const id = filterId(filter.key);
    const concerned = new Set(this.proxiesOf(id));
    const before = this.filters.get(id);
    this.filters.set(id, filter);
    if (before !== undefined && JSON.stringify(before.selector) === JSON.stringify(filter.selector)) return concerned;
    this.unlink(id);
    for (const group of this.classes.values()) this.link(id, filter, group);
    for (const proxy of this.proxiesOf(id)) concerned.add(proxy);
    return concerned;
  }

  removeFilter(id: string): ReadonlySet<string> {
    const concerned = new Set(this.proxiesOf(id));
    this.unlink(id);
    this.filters.delete(id);
    return concerned;
  }

  filtersOf(proxyKey: string): Iterable<string> {
    return this.classOf.get(proxyKey)?.filters ?? [];
  }

  isSelected(filterId: string, proxyKey: string): boolean {
    return this.classOf.get(proxyKey)?.filters.has(filterId) === true;
  }

  *proxiesOf(filterId: string): Iterable<string> {
    for (const group of this.classesOf.get(filterId) ?? []) yield* group.proxies;
  }

  connectedFor(namespace: string): number {
    return namespace === this.everywhere ? this.connected.size : (this.connectedIn.get(namespace) ?? 0);
  }

  private count(proxyKey: string, namespace: string, isConnected: boolean): void {
    if (this.connected.has(proxyKey) === isConnected) return;
    if (isConnected) this.connected.add(proxyKey);
    else this.connected.delete(proxyKey);
    const count = (this.connectedIn.get(namespace) ?? 0) + (isConnected ? 1 : -1);
    if (count > 0) this.connectedIn.set(namespace, count);
    else this.connectedIn.delete(namespace);
  }

  private classFor(proxy: Pick<ProxyNode, "namespace" | "labels">): ProxyClass {
    const labels = Object.entries(proxy.labels).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    const name = JSON.stringify([proxy.namespace, labels]);
    const known = this.classes.get(name);
    if (known !== undefined) return known;
    const group: ProxyClass = { name, namespace: proxy.namespace, labels: proxy.labels, proxies: new Set(), filters: new Set() };
    this.classes.set(name, group);
    for (const [id, filter] of this.filters) this.link(id, filter, group);
    return group;
  }

  /** Takes a proxy out of its class. A class without proxies is forgotten. */
  private leave(group: ProxyClass, proxyKey: string): void {
    group.proxies.delete(proxyKey);
    if (group.proxies.size > 0) return;
    this.classes.delete(group.name);
    for (const id of group.filters) this.classesOf.get(id)?.delete(group);
  }

  private link(id: string, filter: Selecting, group: ProxyClass): void {
    if (!concerns(filter, group, this.everywhere)) return;
    group.filters.add(id);
    const linked = this.classesOf.get(id) ?? new Set();
    this.classesOf.set(id, linked.add(group));
  }

  private unlink(id: string): void {
    for (const group of this.classesOf.get(id) ?? []) group.filters.delete(id);
    this.classesOf.delete(id);
  }
}
