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
  /** Returns the end of the watch. */
  watch(nodeId: string, watcher: Watcher): () => void;
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
    const found = nodes.get(nodeId) ?? { views: new Map(), watchers: new Set() };
    nodes.set(nodeId, found);
    return found;
  }

  function view(nodeId: string, typeUrl: string): View {
    const { views } = node(nodeId);
    const found = views.get(typeUrl) ?? { resources: new Map(), held: new Set(), open: false, version: undefined };
    views.set(typeUrl, found);
    return found;
  }

  function notify(nodeId: string, typeUrl: string, names: Iterable<string> | "all"): void {
    for (const watcher of nodes.get(nodeId)?.watchers ?? []) watcher.changed(typeUrl, names);
  }

  function open(nodeId: string, typeUrl: string): View {
    const found = view(nodeId, typeUrl);
    if (!found.open) {
      found.open = true;
      notify(nodeId, typeUrl, "all");
    }
    return found;
  }

  function release(nodeId: string): void {
    const state = nodes.get(nodeId);
    if (state !== undefined && state.views.size === 0 && state.watchers.size === 0) nodes.delete(nodeId);
  }

  function set(nodeId: string, typeUrl: string, resources: Iterable<Resource>, version?: string): void {
    const target = view(nodeId, typeUrl);
    const next = new Map(Array.from(resources, (resource) => [resource.name, resource]));
    const changed = [...target.resources.keys(), ...target.held].filter((name) => !next.has(name));
    for (const [name, resource] of next) if (target.resources.get(name)?.version !== resource.version) changed.push(name);
    target.resources.clear();
    target.held.clear();
    for (const [name, resource] of next) target.resources.set(name, resource);
    target.version = version;
    if (target.open) notify(nodeId, typeUrl, changed);
    else open(nodeId, typeUrl);
  }

  return {
    lookup: (nodeId, typeUrl) => ({
      get(name) {
        const found = nodes.get(nodeId)?.views.get(typeUrl);
        return found?.resources.get(name) ?? (found === undefined || !found.open || found.held.has(name) ? "unknown" : "absent");
      },
      all() {
        const found = nodes.get(nodeId)?.views.get(typeUrl);
        return found?.open ? found.resources : undefined;
      },
    }),
    version: (nodeId, typeUrl) => nodes.get(nodeId)?.views.get(typeUrl)?.version,
    open,
    put(nodeId, resource) {
      const target = open(nodeId, resource.typeUrl);
      const same = target.resources.get(resource.name)?.version === resource.version;
      target.held.delete(resource.name);
      target.resources.set(resource.name, resource);
      if (!same) notify(nodeId, resource.typeUrl, [resource.name]);
    },
    hold(nodeId, typeUrl, name) {
      const target = view(nodeId, typeUrl);
      target.resources.delete(name);
      target.held.add(name);
    },
    remove(nodeId, typeUrl, name) {
      const target = open(nodeId, typeUrl);
      if (target.held.delete(name) || target.resources.delete(name)) notify(nodeId, typeUrl, [name]);
    },
    set,
    clear(nodeId) {
      nodes.get(nodeId)?.views.clear();
      release(nodeId);
    },
    watch(nodeId, watcher) {
      node(nodeId).watchers.add(watcher);
      return () => {
        nodes.get(nodeId)?.watchers.delete(watcher);
        release(nodeId);
      };
    },
    size: () => nodes.size,
  };
}
