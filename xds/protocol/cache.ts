import type { Resource } from "./resource.ts";
import type { Lookup } from "./subscription.ts";

/** Told which resources of a node may have changed. Called at once, so it must only take note. */
export interface Watcher {
  changed(typeUrl: string, names: Iterable<string> | "all"): void;
}

/**
 * What each node is to see, by type and name. Nothing is seen of a type until something of it was decided (`put`, `set` or `open`).
 * A change costs as much as the streams of that node: those of other nodes are never looked at.
 */
export interface Cache {
  lookup(nodeId: string, typeUrl: string): Lookup;
  /** The version of a type as `set` was told it. */
  version(nodeId: string, typeUrl: string): string | undefined;
  /** From now on what is not there is known to be absent. */
  open(nodeId: string, typeUrl: string): void;
  put(nodeId: string, resource: Resource): void;
  /** Nothing is to be said about this name, present or absent, until it is put or removed. */
  hold(nodeId: string, typeUrl: string, name: string): void;
  remove(nodeId: string, typeUrl: string, name: string): void;
  /** Replaces everything of a type. Only what differs in version is a change. */
  set(nodeId: string, typeUrl: string, resources: Iterable<Resource>, version?: string): void;
  /** Back to nothing decided. Streams keep what they have. */
  clear(nodeId: string): void;
  watch(nodeId: string, watcher: Watcher): void;
  unwatch(nodeId: string, watcher: Watcher): void;
  /** How many nodes it holds anything for. */
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
  const nodes = new Map<string, NodeState>();

  function node(nodeId: string): NodeState {
    const found = nodes.get(nodeId);
    if (found !== undefined) return found;
    const added: NodeState = { views: new Map(), watchers: new Set() };
    nodes.set(nodeId, added);
    return added;
  }

  function view({ views }: NodeState, typeUrl: string): View {
    const found = views.get(typeUrl);
    if (found !== undefined) return found;
    const added: View = { resources: new Map(), held: new Set(), open: false, version: undefined };
    views.set(typeUrl, added);
    return added;
  }

  function notify({ watchers }: NodeState, typeUrl: string, names: Iterable<string> | "all"): void {
    for (const watcher of watchers) watcher.changed(typeUrl, names);
  }

  function open(state: NodeState, typeUrl: string): View {
    const found = view(state, typeUrl);
    if (!found.open) {
      found.open = true;
      notify(state, typeUrl, "all");
    }
    return found;
  }

  function release(nodeId: string): void {
    const state = nodes.get(nodeId);
    if (state !== undefined && state.views.size === 0 && state.watchers.size === 0) nodes.delete(nodeId);
  }

  function set(nodeId: string, typeUrl: string, resources: Iterable<Resource>, version?: string): void {
    const state = node(nodeId);
    const target = view(state, typeUrl);
    const next = new Map(Array.from(resources, (resource) => [resource.name, resource]));
    const changed = [...target.resources.keys(), ...target.held].filter((name) => !next.has(name));
    for (const [name, resource] of next) if (target.resources.get(name)?.version !== resource.version) changed.push(name);
    target.resources.clear();
    target.held.clear();
    for (const [name, resource] of next) target.resources.set(name, resource);
    target.version = version;
    if (target.open) notify(state, typeUrl, changed);
    else open(state, typeUrl);
  }

  return {
    lookup: (nodeId, typeUrl) => new NodeLookup(nodes, nodeId, typeUrl),
    version: (nodeId, typeUrl) => nodes.get(nodeId)?.views.get(typeUrl)?.version,
    open: (nodeId, typeUrl) => void open(node(nodeId), typeUrl),
    put(nodeId, resource) {
      const state = node(nodeId);
      const target = open(state, resource.typeUrl);
      const same = target.resources.get(resource.name)?.version === resource.version;
      target.held.delete(resource.name);
      target.resources.set(resource.name, resource);
      if (!same) notify(state, resource.typeUrl, [resource.name]);
    },
    hold(nodeId, typeUrl, name) {
      const target = view(node(nodeId), typeUrl);
      target.resources.delete(name);
      target.held.add(name);
    },
    remove(nodeId, typeUrl, name) {
      const state = node(nodeId);
      const target = open(state, typeUrl);
      if (target.held.delete(name) || target.resources.delete(name)) notify(state, typeUrl, [name]);
    },
    set,
    clear(nodeId) {
      nodes.get(nodeId)?.views.clear();
      release(nodeId);
    },
    watch: (nodeId, watcher) => void node(nodeId).watchers.add(watcher),
    unwatch(nodeId, watcher) {
      nodes.get(nodeId)?.watchers.delete(watcher);
      release(nodeId);
    },
    size: () => nodes.size,
  };
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
