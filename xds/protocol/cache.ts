import type { Resource } from "./resource.ts";
import type { Lookup } from "./subscription.ts";

/** Told which resources of a node may have changed. It is called in the middle of a change, so it must only take note. */
export interface Watcher {
  changed(typeUrl: string, names: Iterable<string> | "all"): void;
}

/**
 * The resources that each node may see, by type and name. Streams are told nothing of a type until something of it was decided (`put`, `set` or `open`).
 * The cost of a change follows the number of streams of that node; those of other nodes are not looked at.
 */
export interface Cache {
  lookup(nodeId: string, typeUrl: string): Lookup;
  /** The version of a type as `set` was told it. */
  version(nodeId: string, typeUrl: string): string | undefined;
  /** From now on, a name without a resource is known to be absent. */
  open(nodeId: string, typeUrl: string): void;
  put(nodeId: string, resource: Resource): void;
  /** Streams are told nothing about this name, neither that it is there nor that it is absent, until it is put or removed. */
  hold(nodeId: string, typeUrl: string, name: string): void;
  remove(nodeId: string, typeUrl: string, name: string): void;
  /** Forgets a name that no stream asks for any more. Nobody is told. */
  release(nodeId: string, typeUrl: string, name: string): void;
  /** Replaces everything of a type. Only a resource whose version differs counts as changed. */
  set(nodeId: string, typeUrl: string, resources: Iterable<Resource>, version?: string): void;
  /** Forgets what was decided for a node. Its streams keep what they were sent. */
  clear(nodeId: string): void;
  watch(nodeId: string, watcher: Watcher): void;
  unwatch(nodeId: string, watcher: Watcher): void;
  /** How many nodes it knows. */
  size(): number;
}

interface View {
  readonly resources: Map<string, Resource>;
  readonly held: Set<string>;
  open: boolean;
  version: string | undefined;
}

interface NodeState {
  readonly views: Map<string, View>;
  readonly watchers: Set<Watcher>;
}

export function createCache(): Cache {
  return new NodeCache();
}

class NodeCache implements Cache {
  private readonly nodes = new Map<string, NodeState>();

  lookup(nodeId: string, typeUrl: string): Lookup {
    return new NodeLookup(this.nodes, nodeId, typeUrl);
  }

  version(nodeId: string, typeUrl: string): string | undefined {
    return this.nodes.get(nodeId)?.views.get(typeUrl)?.version;
  }

  open(nodeId: string, typeUrl: string): void {
    openView(this.node(nodeId), typeUrl);
  }

  put(nodeId: string, resource: Resource): void {
    const { typeUrl, name, version } = resource;
    const node = this.node(nodeId);
    const view = openView(node, typeUrl);
    const same = view.resources.get(name)?.version === version;
    view.held.delete(name);
    view.resources.set(name, resource);
    if (!same) notify(node, typeUrl, [name]);
  }

  hold(nodeId: string, typeUrl: string, name: string): void {
    const view = viewOf(this.node(nodeId), typeUrl);
    view.resources.delete(name);
    view.held.add(name);
  }

  remove(nodeId: string, typeUrl: string, name: string): void {
    const node = this.node(nodeId);
    const view = openView(node, typeUrl);
    if (view.held.delete(name) || view.resources.delete(name)) notify(node, typeUrl, [name]);
  }

  release(nodeId: string, typeUrl: string, name: string): void {
    const view = this.nodes.get(nodeId)?.views.get(typeUrl);
    view?.resources.delete(name);
    view?.held.delete(name);
  }

  set(nodeId: string, typeUrl: string, resources: Iterable<Resource>, version?: string): void {
    const node = this.node(nodeId);
    const view = viewOf(node, typeUrl);
    const next = new Map(Array.from(resources, (resource) => [resource.name, resource]));
    const changed = [...view.resources.keys(), ...view.held].filter((name) => !next.has(name));
    for (const [name, resource] of next) if (view.resources.get(name)?.version !== resource.version) changed.push(name);
    view.resources.clear();
    view.held.clear();
    for (const [name, resource] of next) view.resources.set(name, resource);
    view.version = version;
    if (view.open) notify(node, typeUrl, changed);
    else openView(node, typeUrl);
  }

  clear(nodeId: string): void {
    this.nodes.get(nodeId)?.views.clear();
    this.dropEmpty(nodeId);
  }

  watch(nodeId: string, watcher: Watcher): void {
    this.node(nodeId).watchers.add(watcher);
  }

  unwatch(nodeId: string, watcher: Watcher): void {
    this.nodes.get(nodeId)?.watchers.delete(watcher);
    this.dropEmpty(nodeId);
  }

  size(): number {
    return this.nodes.size;
  }

  private node(nodeId: string): NodeState {
    const known = this.nodes.get(nodeId);
    if (known !== undefined) return known;
    const added: NodeState = { views: new Map(), watchers: new Set() };
    this.nodes.set(nodeId, added);
    return added;
  }

  /** Forgets a node of which nothing is left. */
  private dropEmpty(nodeId: string): void {
    const node = this.nodes.get(nodeId);
    if (node !== undefined && node.views.size === 0 && node.watchers.size === 0) this.nodes.delete(nodeId);
  }
}

function viewOf({ views }: NodeState, typeUrl: string): View {
  const known = views.get(typeUrl);
  if (known !== undefined) return known;
  const added: View = { resources: new Map(), held: new Set(), open: false, version: undefined };
  views.set(typeUrl, added);
  return added;
}

/** The view of a type; from now on something of it is decided. */
function openView(node: NodeState, typeUrl: string): View {
  const view = viewOf(node, typeUrl);
  if (!view.open) {
    view.open = true;
    notify(node, typeUrl, "all");
  }
  return view;
}

function notify({ watchers }: NodeState, typeUrl: string, names: Iterable<string> | "all"): void {
  for (const watcher of watchers) watcher.changed(typeUrl, names);
}

class NodeLookup implements Lookup {
  private readonly nodes: ReadonlyMap<string, NodeState>;
  private readonly nodeId: string;
  private readonly typeUrl: string;

  constructor(nodes: ReadonlyMap<string, NodeState>, nodeId: string, typeUrl: string) {
    this.nodes = nodes;
    this.nodeId = nodeId;
    this.typeUrl = typeUrl;
  }

  get(name: string): Resource | "absent" | "unknown" {
    const view = this.view();
    return view?.resources.get(name) ?? (view === undefined || !view.open || view.held.has(name) ? "unknown" : "absent");
  }

  all(): ReadonlyMap<string, Resource> | undefined {
    const view = this.view();
    return view?.open ? view.resources : undefined;
  }

  private view(): View | undefined {
    return this.nodes.get(this.nodeId)?.views.get(this.typeUrl);
  }
}
