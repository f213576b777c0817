import assert from "node:assert/strict";
import { test } from "node:test";
import type { Fleet, ProxyHealth, ProxyNode } from "../../model/delivery.ts";
import type { Leadership } from "../../model/leadership.ts";
import { silentLog } from "../../model/log.ts";
import type { Withdrawal } from "../../model/replicas.ts";
import { createFakeClock } from "../../model/testing/fake-clock.ts";
import type { Dial } from "./dial.ts";
import { replicaUri } from "./identity.ts";
import { createPeers, type ReplicaPeers } from "./peers.ts";

const URI = replicaUri("weir-system", "weir");
const WITHDRAWAL: Withdrawal = { filter: "shop/f", uid: "u", target: 2, startedAt: 5, reason: "Rejected", message: "no" };

/** A fleet whose proxies a test puts. */
function createOwn() {
  const nodes = new Map<string, ProxyNode>();
  const counters = new Map<string, ProxyHealth>();
  const listeners = new Set<(keys: ReadonlySet<string>) => void>();
  const fleet: Fleet = {
    proxies: () => nodes.values(),
    proxy: (key) => nodes.get(key),
    health: (key) => counters.get(key),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    assign() {},
    forget: (key) => void nodes.delete(key),
    onMissing: () => () => {},
  };
  const put = (id: string, connected: boolean, since: number) => {
    const node = {
      key: `shop/${id}`,
      id,
      namespace: "shop",
      labels: {},
      connected,
      since,
      slots: new Map(),
      takesChains: true,
      version: "1.40.0",
    };
    nodes.set(node.key, { ...node, hungSince: undefined, endedAt: undefined, reportsEveryMs: undefined });
    for (const listener of listeners) listener(new Set([node.key]));
  };
  return { fleet, put, counters };
}

/** Replicas whose calls go through memory; `cut`: none to or from this one goes through. */
function createScene(names: readonly string[]) {
  const clock = createFakeClock();
  const cut = new Set<string>();
  const open = new Set<{ readonly ends: readonly string[]; readonly end: () => void }>();
  let leading: string | undefined;
  const listeners = new Map<string, (isLeading: boolean) => void>();
  const all = new Map<string, ReplicaPeers>();

  const dialOf =
    (from: string): Dial =>
    (address, _method, handler) => {
      const proof = { altNames: `URI:${URI}`, until: Number.POSITIVE_INFINITY, fault: undefined };
      let isOver = false;
      const end = (why: string) => {
        if (isOver) return;
        isOver = true;
        open.delete(one);
        handler.closed(why);
        served?.closed();
      };
      const one = { ends: [from, address], end: () => end("cut") };
      open.add(one);
      const served = all.get(address)?.service.open({
        proof,
        send: (bytes) => void setImmediate(() => !isOver && handler.message(bytes)),
        end: (_code, message = "") => setImmediate(() => end(message)),
      });
      if (served === undefined || cut.has(from) || cut.has(address)) setImmediate(() => end("not reached"));
      return {
        write(bytes) {
          setImmediate(() => !isOver && served?.message(bytes));
          return true;
        },
        end: () => end("ended"),
      };
    };

  const replicas = names.map((id) => {
    const own = createOwn();
    const leadership: Leadership = {
      isLeading: () => leading === id,
      isHeard: () => leading === id,
      onChange(listener) {
        listeners.set(id, listener);
        return () => void listeners.delete(id);
      },
    };
    const modules = { read: async () => undefined };
    const addresses = async () => new Set(names);
    const options = {
      id,
      uri: URI,
      own: own.fleet,
      leadership,
      dial: dialOf(id),
      addresses,
      clock,
      steady: clock.now,
      log: silentLog,
      modules,
    };
    const peers = createPeers(options);
    const withdrawals: Withdrawal[] = [];
    const overridden: string[] = [];
    peers.join({
      withdrawals: () => withdrawals,
      withdrawn: (one) => void withdrawals.push(one),
      overridden: (key) => void overridden.push(key),
      text: () => undefined,
    });
    all.set(id, peers);
    return { id, own, peers, withdrawals, overridden };
  });
  return {
    clock,
    replicas,
    start() {
      for (const { peers } of replicas) peers.start();
    },
    stop() {
      for (const { peers } of replicas) peers.stop();
    },
    lead(id: string | undefined) {
      const before = leading;
      leading = id;
      if (before !== undefined) listeners.get(before)?.(false);
      if (id !== undefined) listeners.get(id)?.(true);
    },
    cut(id: string) {
      cut.add(id);
      for (const { ends, end } of [...open]) if (ends.includes(id)) end();
    },
  };
}

type Scene = ReturnType<typeof createScene>;
const nth = (scene: Scene, index: number) => scene.replicas[index] as Scene["replicas"][number];
const seen = ({ peers }: Scene["replicas"][number]) =>
  Array.from(peers.fleet.proxies(), ({ id, connected }) => `${id} ${connected}`).sort();

test("who decides sees the proxies of all replicas, and what changes of them", async () => {
  const scene = createScene(["a", "b", "c"]);
  const [a, b, c] = [nth(scene, 0), nth(scene, 1), nth(scene, 2)];
  a.own.put("web-a", true, 1);
  b.own.put("web-b", true, 1);
  scene.start();
  scene.lead("a");
  await scene.clock.advance(2_500);
  assert.deepEqual([seen(a), seen(b), seen(c)], [["web-a true", "web-b true"], ["web-b true"], []]);
  assert.deepEqual(
    [a, b, c].map(({ peers }) => peers.leadership.isHeard()),
    [true, true, true],
  );
  c.own.put("web-c", true, 2);
  b.own.put("web-b", false, 3);
  const health = { at: 9, requests: 4, errors5xx: 0, latencySumMs: 1, latencyCount: 4, vmFailures: new Map() };
  c.own.counters.set("shop/web-c", health);
  await scene.clock.advance(1_500);
  assert.deepEqual(seen(a), ["web-a true", "web-b false", "web-c true"]);
  assert.equal(a.peers.fleet.health("shop/web-c")?.requests, 4);
  assert.deepEqual([a.peers.isOwn("shop/web-a"), a.peers.isOwn("shop/web-c")], [true, false]);
  scene.stop();
});

test("a proxy that moves is one proxy, and those of a replica that is lost count as lost", async () => {
  const scene = createScene(["a", "b", "c"]);
  const [a, b, c] = [nth(scene, 0), nth(scene, 1), nth(scene, 2)];
  b.own.put("web", true, 1);
  b.own.put("other", true, 1);
  scene.start();
  scene.lead("a");
  await scene.clock.advance(2_500);
  // It comes to the new one before the old one notices.
  c.own.put("web", true, 2);
  await scene.clock.advance(500);
  b.own.put("web", false, 3);
  await scene.clock.advance(500);
  assert.deepEqual(seen(a), ["other true", "web true"]);
  assert.deepEqual(a.peers.counts(), { reached: 2, away: 0 });
  scene.cut("b");
  await scene.clock.advance(500);
  assert.deepEqual(
    [a.peers.counts(), b.peers.counts()],
    [
      { reached: 1, away: 1 },
      { reached: 0, away: 2 },
    ],
  );
  assert.deepEqual(seen(a), ["other false", "web true"]);
  a.own.put("web", true, 4);
  await scene.clock.advance(500);
  assert.ok(a.peers.isOwn("shop/web"));
  assert.deepEqual(seen(a), ["other false", "web true"]);
  scene.stop();
});

test("without a leader none is heard; the next one is told everything", async () => {
  const scene = createScene(["a", "b"]);
  const [a, b] = [nth(scene, 0), nth(scene, 1)];
  a.own.put("web-a", true, 1);
  scene.start();
  scene.lead("a");
  await scene.clock.advance(2_500);
  scene.lead(undefined);
  await scene.clock.advance(2_500);
  assert.deepEqual(
    [a, b].map(({ peers }) => peers.leadership.isHeard()),
    [false, false],
  );
  scene.lead("b");
  await scene.clock.advance(2_500);
  assert.deepEqual(
    [a, b].map(({ peers }) => peers.leadership.isHeard()),
    [true, true],
  );
  assert.deepEqual(seen(b), ["web-a true"]);
  scene.cut("b");
  await scene.clock.advance(6_000);
  assert.equal(a.peers.leadership.isHeard(), false);
  scene.stop();
});

test("a withdrawal reaches every peer, those that come later too, whoever leads", async () => {
  const scene = createScene(["a", "b", "c"]);
  const [a, b] = [nth(scene, 0), nth(scene, 1)];
  a.peers.start();
  b.peers.start();
  await scene.clock.advance(2_500);
  a.withdrawals.push(WITHDRAWAL);
  a.peers.withdraw(WITHDRAWAL);
  await scene.clock.advance(100);
  assert.deepEqual(b.withdrawals, [WITHDRAWAL]);
  nth(scene, 2).peers.start();
  await scene.clock.advance(5_000);
  assert.deepEqual(nth(scene, 2).withdrawals[0], WITHDRAWAL);
  scene.stop();
});

test("who decides tells the replica of a proxy what that must wait for, once", async () => {
  const scene = createScene(["a", "b"]);
  const [a, b] = [nth(scene, 0), nth(scene, 1)];
  b.own.put("web", true, 1);
  scene.start();
  scene.lead("a");
  await scene.clock.advance(2_500);
  for (let i = 0; i < 3; i++) a.peers.withhold("shop/web", new Set(["h2"]));
  await scene.clock.advance(100);
  assert.deepEqual([b.overridden, [...(b.peers.withheld("shop/web") ?? [])]], [["shop/web"], ["h2"]]);
  a.peers.withhold("shop/web", new Set());
  await scene.clock.advance(100);
  assert.equal(b.peers.withheld("shop/web"), undefined);
  scene.stop();
});
