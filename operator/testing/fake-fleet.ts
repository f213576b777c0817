import type { Chain, ChainEntry, DeliveredFilter, Fleet, ProxyHealth, ProxyNode, Rejection, SlotDelivery } from "../../model/delivery.ts";
import type { Digest } from "../../model/digest.ts";
import { filterId } from "../../model/filter.ts";
import { proxyKey } from "../../model/proxy-key.ts";

/**
 * A fleet in memory that keeps the port's promises: atomic chains, the old one kept on a rejection, nothing rejected sent twice. Proxies answer
 * only when the test says so, which no real Envoy does.
 */
export interface FakeFleet extends Fleet {
  /** Proxies are named by their key or, where that tells which is meant, by their node id alone. */
  connect(
    id: string,
    options?: { namespace?: string; labels?: Record<string, string>; slots?: readonly string[]; takesChains?: boolean },
  ): void;
  /** `isUnheard`: with the replica that served it, of which nothing is heard. */
  disconnect(id: string, isUnheard?: boolean): void;
  /** The proxy goes to another server, with what it runs; this one may learn later that it left. */
  move(id: string, to: FakeFleet): void;
  /** It comes from another. */
  arrive(proxy: FakeProxy): void;
  /** What a server that is started again knows: nothing, until proxies `connect` again, with what they run. */
  loseMemory(): void;
  /** The proxy is back as a new process, which holds nothing. */
  renew(id: string): void;
  /** The proxy answers what it was sent last: it rejects a chain that holds a revision for which `rejects` gives a message. */
  answer(id: string): void;
  /** True: the proxy is sent things but does not answer. */
  deaf(id: string, deaf: boolean): void;
  /** Every connected proxy answers until nothing is left to answer. */
  answerAll(): void;
  /** Message with which proxies reject this entry; undefined: they load it. */
  rejects: (entry: ChainEntry, proxyId: string) => string | undefined;
  /** True: a rejection names no plugin. */
  anonymous: boolean;
  /** What the proxy reports of itself. */
  report(id: string, health: ProxyHealth | undefined): void;
  /** The proxy says that it reports so often. */
  announce(id: string, reportsEveryMs: number): void;
  /** The proxy is back as a new process; the one before had ended while its reports were overdue. */
  end(id: string): void;
  /** The proxy's workers hang, or no longer. It goes on answering what it is sent. */
  hang(id: string, hangs: boolean): void;
  /** Tells the listeners that a module is not in the store any more. */
  miss(wasmDigest: Digest): void;
  /** Called forevery chain that a proxy acknowledged. */
  onAck: (proxyId: string, chain: Chain) => void;
  running(id: string, slot?: string): readonly DeliveredFilter[];
}

interface FakeSlot {
  desired: Chain | "hold" | undefined;
  sent: Chain | undefined;
  running: Chain | undefined;
  /** What was refused, by fingerprint: never sent again to the same process. */
  refused: Map<string, Rejection>;
}

export interface FakeProxy {
  id: string;
  namespace: string;
  labels: Record<string, string>;
  connected: boolean;
  isUnheard?: boolean;
  since: number;
  hungSince: number | undefined;
  takesChains: boolean;
  endedAt?: number | undefined;
  reportsEveryMs?: number | undefined;
  health: ProxyHealth | undefined;
  slots: Map<string, FakeSlot>;
}

function delivered(chain: Chain): DeliveredFilter[] {
  return chain.map(({ filter, revision, digest, wasmDigest, hash, placeholder }) => {
    const entry = { filter, revision, digest, wasmDigest, hash };
    return placeholder === undefined ? entry : { ...entry, isPlaceholder: true };
  });
}

function fingerprint(chain: Chain): string {
  return chain.map(({ filter, hash }) => `${filterId(filter)}=${hash}`).join(",");
}

export function createFakeFleet(now: () => number): FakeFleet {
  const proxies = new Map<string, FakeProxy>();
  const unseen = new Map<string, FakeProxy>();
  const deaf = new Set<string>();
  const listeners = new Set<(ids: ReadonlySet<string>) => void>();
  const onMissing = new Set<(wasmDigest: Digest) => void>();
  let changed = new Set<string>();

  /** The proxy of this key, or with this node id. */
  function find(name: string): FakeProxy | undefined {
    return proxies.get(name) ?? [...proxies.values()].find(({ id }) => id === name);
  }

  function touch({ namespace, id }: Pick<FakeProxy, "namespace" | "id">): void {
    if (changed.size === 0) {
      setImmediate(() => {
        const ids = changed;
        changed = new Set();
        for (const listener of listeners) listener(ids);
      });
    }
    changed.add(proxyKey(namespace, id));
  }

  function send(slot: FakeSlot): void {
    const { desired } = slot;
    if (desired === undefined || desired === "hold" || slot.refused.has(fingerprint(desired))) return;
    const loaded = new Set(slot.running?.flatMap(({ filter, placeholder }) => (placeholder === undefined ? [filterId(filter)] : [])));
    if (desired.some(({ filter, placeholder }) => placeholder === "yields" && loaded.has(filterId(filter)))) return;
    const last = slot.sent ?? slot.running;
    if (last === undefined || fingerprint(last) !== fingerprint(desired)) {
      slot.sent = desired;
    }
  }

  function view(proxy: FakeProxy): ProxyNode {
    const slots = new Map<string, SlotDelivery>();
    for (const [name, slot] of proxy.slots) {
      const desired = slot.desired === undefined || slot.desired === "hold" ? [] : delivered(slot.desired);
      const running = slot.running === undefined ? undefined : delivered(slot.running);
      const rejection = Array.isArray(slot.desired) ? slot.refused.get(fingerprint(slot.desired)) : undefined;
      slots.set(name, { slot: name, desired, running, runningSince: undefined, rejection });
    }
    const { id, namespace, labels, connected, since, isUnheard = false, hungSince, endedAt, reportsEveryMs, takesChains } = proxy;
    return {
      key: proxyKey(namespace, id),
      id,
      namespace,
      labels,
      connected,
      isUnheard: !connected && isUnheard,
      since,
      hungSince,
      endedAt,
      reportsEveryMs,
      takesChains,
      version: "1.40.0",
      slots,
    };
  }

  function answer(name: string): void {
    const proxy = find(name);
    if (proxy?.connected !== true || deaf.has(proxy.id)) return;
    const { id } = proxy;
    for (const slot of proxy.slots.values()) {
      const sent = slot.sent;
      if (sent === undefined) continue;
      slot.sent = undefined;
      const culprit = sent.find((entry) => fleet.rejects(entry, id) !== undefined);
      if (culprit === undefined) {
        slot.running = sent;
        fleet.onAck(id, sent);
      } else {
        const message = fleet.anonymous ? "the chain cannot be loaded" : (fleet.rejects(culprit, id) ?? "");
        slot.refused.set(fingerprint(sent), {
          filters: delivered(sent),
          culprit: culpritOf(sent, slot.running, culprit),
          message,
          at: now(),
        });
      }
      touch(proxy);
    }
  }

  /** As the xds room tells it: by name, or where there is no name, by there being one change only. */
  function culpritOf(sent: Chain, running: Chain | undefined, culprit: ChainEntry): DeliveredFilter | undefined {
    const before = new Set(running?.map(({ hash }) => hash));
    const changed = sent.filter(({ hash }) => !before.has(hash));
    const known = fleet.anonymous ? (changed.length === 1 ? changed[0] : undefined) : culprit;
    return known && delivered([known])[0];
  }

  const fleet: FakeFleet = {
    anonymous: false,
    rejects: () => undefined,
    onAck: () => {},
    proxies: () => [...proxies.values()].map(view),
    proxy(key) {
      const proxy = find(key);
      return proxy === undefined ? undefined : view(proxy);
    },
    health: (key) => find(key)?.health,
    report(name, health) {
      const proxy = find(name);
      if (proxy !== undefined) proxy.health = health;
    },
    announce(name, reportsEveryMs) {
      Object.assign(find(name) ?? {}, { reportsEveryMs });
    },
    end(name) {
      Object.assign(find(name) ?? {}, { endedAt: now() });
      fleet.renew(name);
    },
    hang(name, hangs) {
      const proxy = find(name);
      if (proxy === undefined) return;
      proxy.hungSince = hangs ? now() : undefined;
      touch(proxy);
    },
    assign(key, slots) {
      const proxy = find(key);
      if (proxy === undefined) return;
      for (const [name, slot] of proxy.slots) {
        const before = slot.desired;
        slot.desired = slots.get(name) ?? [];
        if (proxy.connected) send(slot);
        if (before === undefined || before === "hold" || slot.desired === "hold") continue;
        if (fingerprint(before) !== fingerprint(slot.desired)) touch(proxy);
      }
    },
    forget(key) {
      if (proxies.get(key)?.connected === false) proxies.delete(key);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    onMissing(listener) {
      onMissing.add(listener);
      return () => void onMissing.delete(listener);
    },
    miss(wasmDigest) {
      for (const listener of onMissing) listener(wasmDigest);
    },
    connect(id, { namespace = "default", labels = {}, slots = ["default"], takesChains = true } = {}) {
      const key = proxyKey(namespace, id);
      const known = proxies.get(key) ?? unseen.get(key);
      unseen.delete(key);
      const since = known?.connected ? known.since : now();
      const fresh = () => ({ desired: undefined, sent: undefined, running: undefined, refused: new Map<string, Rejection>() });
      const held = known?.slots ?? new Map(slots.map((name) => [name, fresh()]));
      const kept = { hungSince: known?.hungSince, health: known?.health, slots: held };
      proxies.set(key, { id, namespace, labels, connected: true, since, takesChains, ...kept });
      touch({ namespace, id });
    },
    disconnect(name, isUnheard = false) {
      const proxy = find(name);
      if (proxy === undefined) return;
      if (proxy.connected) proxy.since = now();
      Object.assign(proxy, { connected: false, isUnheard });
      for (const slot of proxy.slots.values()) slot.sent = undefined;
      touch(proxy);
    },
    move(name, to) {
      const proxy = find(name);
      if (proxy !== undefined) to.arrive(proxy);
    },
    arrive({ slots, ...proxy }) {
      // What it rejected is known where it was.
      const held = Array.from(
        slots,
        ([name, { running }]) => [name, { desired: undefined, sent: undefined, running, refused: new Map() }] as const,
      );
      const unknown = { hungSince: undefined, endedAt: undefined, health: undefined };
      proxies.set(proxyKey(proxy.namespace, proxy.id), { ...proxy, ...unknown, connected: true, since: now(), slots: new Map(held) });
      touch(proxy);
    },
    loseMemory() {
      for (const [key, proxy] of proxies) {
        proxy.connected = false;
        for (const slot of proxy.slots.values()) Object.assign(slot, { sent: undefined, desired: undefined });
        unseen.set(key, proxy);
      }
      proxies.clear();
    },
    renew(name) {
      const proxy = find(name);
      if (proxy === undefined) return;
      Object.assign(proxy, { connected: true, since: now(), hungSince: undefined, health: undefined });
      for (const slot of proxy.slots.values()) {
        Object.assign(slot, { sent: undefined, running: undefined });
        slot.refused.clear();
        send(slot);
      }
      touch(proxy);
    },
    deaf(id, isDeaf) {
      if (isDeaf) deaf.add(id);
      else deaf.delete(id);
    },
    answer,
    answerAll() {
      for (const key of proxies.keys()) answer(key);
    },
    running: (id, slot = "default") => delivered(find(id)?.slots.get(slot)?.running ?? []),
  };
  return fleet;
}
