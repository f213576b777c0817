import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeliveredFilter, ProxyNode, SlotDelivery } from "../../model/delivery.ts";
import { digestOf } from "../../model/digest.ts";
import type { Withdrawal } from "../../model/replicas.ts";
import { createScene, heard, nth, type Scene, seen } from "../testing/peer-scene.ts";

const WITHDRAWAL: Withdrawal = { filter: "shop/f", uid: "u", target: 2, startedAt: 5, reason: "Rejected", message: "no" };

test("every replica sees the proxies of all, and what changes of them; who decides their counters too", async () => {
  const scene = createScene(["a", "b", "c"]);
  const [a, b, c] = [nth(scene, 0), nth(scene, 1), nth(scene, 2)];
  a.own.put("web-a", true, 1);
  b.own.put("web-b", true, 1);
  await scene.begin("a");
  for (const each of [a, b, c]) assert.deepEqual(seen(each), ["web-a true", "web-b true"]);
  assert.deepEqual(heard(a, b, c), [true, true, true]);
  c.own.put("web-c", true, 2);
  b.own.put("web-b", false, 3);
  const health = { at: 9, requests: 4, errors5xx: 0, latencySumMs: 1, latencyCount: 4, vmFailures: new Map() };
  c.own.counters.set("shop/web-c", health);
  await scene.clock.advance(1_500);
  for (const each of [a, b, c]) assert.deepEqual(seen(each), ["web-a true", "web-b false", "web-c true"]);
  assert.deepEqual(
    [a, b, c].map(({ peers }) => peers.fleet.health("shop/web-c")?.requests),
    [4, undefined, 4],
  );
  assert.deepEqual([a.peers.isOwn("shop/web-a"), a.peers.isOwn("shop/web-c")], [true, false]);
  scene.stop();
});

test("a proxy that moves is one proxy, and those of a replica that is lost count as lost", async () => {
  const scene = createScene(["a", "b", "c"]);
  const [a, b, c] = [nth(scene, 0), nth(scene, 1), nth(scene, 2)];
  b.own.put("web", true, 1);
  b.own.put("other", true, 1);
  await scene.begin("a");
  // It comes to the new one before the old one notices.
  c.own.put("web", true, 2);
  await scene.clock.advance(500);
  b.own.put("web", false, 3);
  await scene.clock.advance(500);
  assert.deepEqual(seen(a), ["other true", "web true"]);
  assert.deepEqual(a.peers.counts(), { reached: 2, away: 0 });
  assert.deepEqual([a.peers.hearsAll(), c.peers.hearsAll()], [true, true]);
  scene.cut("b");
  await scene.clock.advance(500);
  assert.deepEqual(
    [a.peers.counts(), b.peers.counts()],
    [
      { reached: 1, away: 1 },
      { reached: 0, away: 2 },
    ],
  );
  assert.deepEqual([a.peers.hearsAll(), c.peers.hearsAll()], [false, false]);
  assert.deepEqual(seen(a), ["other false", "web true"]);
  assert.equal(a.peers.fleet.proxy("shop/other")?.isUnheard, true, "it went out of sight with its replica");
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
  await scene.begin("a");
  scene.lead(undefined);
  await scene.clock.advance(2_500);
  assert.deepEqual(heard(a, b), [false, false]);
  scene.lead("b");
  await scene.clock.advance(2_500);
  assert.deepEqual(heard(a, b), [true, true]);
  assert.deepEqual(seen(b), ["web-a true"]);
  scene.cut("b");
  await scene.clock.advance(6_000);
  assert.equal(a.peers.leadership.isHeard(), false);
  scene.stop();
});

test("who had no turn for long gives no proxy more until the leader is heard again, and loses no peer for it", async () => {
  const scene = createScene(["a", "b"]);
  const [a, b] = [nth(scene, 0), nth(scene, 1)];
  a.own.put("web-a", true, 1);
  await scene.begin("b");
  const dialed = scene.dialed();
  scene.stall(20_000);
  assert.deepEqual([heard(a, b), a.heard.times], [[false, true], 0]);
  await scene.clock.advance(2_000);
  assert.deepEqual([heard(a, b), a.heard.times], [[true, true], 1]);
  await scene.clock.advance(2_000);
  assert.equal(a.heard.times, 1, "nobody asked in vain since");
  assert.equal(b.peers.fleet.proxy("shop/web-a")?.isUnheard ?? false, false, "its call was ended");
  assert.equal(scene.dialed(), dialed, "a call was ended, and made anew");
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
  await scene.begin("a");
  for (let i = 0; i < 3; i++) a.peers.withhold("shop/web", new Set(["h2"]));
  await scene.clock.advance(100);
  assert.deepEqual([b.overridden, [...(b.peers.withheld("shop/web") ?? [])]], [["shop/web"], ["h2"]]);
  a.peers.withhold("shop/web", new Set());
  await scene.clock.advance(100);
  assert.equal(b.peers.withheld("shop/web"), undefined);
  assert.deepEqual([a.leads.times, b.leads.times], [1, 0]);
  scene.stop();
});

test("what could not be told, since the replica did not call, is told once it does", async () => {
  const scene = createScene(["a", "b"]);
  const [a, b] = [nth(scene, 0), nth(scene, 1)];
  b.own.put("web", true, 1);
  await scene.begin("a");
  scene.cut("b");
  await scene.clock.advance(100);
  a.peers.withhold("shop/web", new Set(["h2"]));
  scene.mend("b");
  await scene.clock.advance(5_000);
  a.peers.withhold("shop/web", new Set(["h2"]));
  await scene.clock.advance(100);
  assert.equal(b.peers.withheld("shop/web")?.size, 1);
  scene.stop();
});

test("what a proxy must wait for counts until another decides, or the same is heard anew: who begins says nothing of what is over", async () => {
  const scene = createScene(["a", "b", "c"]);
  const [a, b] = [nth(scene, 0), nth(scene, 1)];
  b.own.put("web", true, 1);
  scene.start();
  const lead = async (id: string | undefined) => {
    scene.lead(id);
    await scene.clock.advance(2_500);
  };
  const tell = async () => {
    a.peers.withhold("shop/web", new Set(["h2"]));
    await scene.clock.advance(100);
    assert.equal(b.peers.withheld("shop/web")?.size, 1);
    b.overridden.length = 0;
  };
  await lead("a");
  await tell();
  await lead(undefined);
  assert.equal(b.peers.withheld("shop/web")?.size, 1, "nobody says otherwise");
  await lead("c");
  assert.deepEqual([b.peers.withheld("shop/web"), b.overridden], [undefined, ["shop/web"]]);
  await lead("a");
  await tell();
  scene.cut("a");
  scene.mend("a");
  await scene.clock.advance(5_000);
  assert.deepEqual([b.peers.withheld("shop/web"), b.overridden], [undefined, ["shop/web"]]);
  scene.stop();
});

test("a replica of another version is told what it knows, and what it says beyond that is passed over", async () => {
  const scene = createScene(["a", "b", "old"], "old");
  const [a, b, old] = [nth(scene, 0), nth(scene, 1), nth(scene, 2)];
  a.own.put("web-a", true, 1);
  old.own.put("web-old", true, 1);
  await scene.begin("a");
  // An earlier version reports to who decides, and keeps what it is told while it decides itself.
  assert.deepEqual([seen(a), seen(b), seen(old)], [["web-a true", "web-old true"], ["web-a true"], ["web-old true"]]);
  assert.deepEqual([a.peers.hearsAll(), b.peers.hearsAll()], [true, false]);
  scene.lead("old");
  await scene.clock.advance(2_500);
  assert.deepEqual(
    [seen(a), seen(old)],
    [
      ["web-a true", "web-old false"],
      ["web-a true", "web-old true"],
    ],
  );
  assert.equal(b.peers.leadership.isHeard(), true);
  old.withdrawals.push(WITHDRAWAL);
  old.peers.withdraw(WITHDRAWAL);
  await scene.clock.advance(100);
  assert.deepEqual([a.withdrawals, b.withdrawals], [[WITHDRAWAL], [WITHDRAWAL]]);
  scene.stop();
});

const RUNS: DeliveredFilter = {
  filter: { namespace: "shop", name: "f" },
  revision: 2,
  digest: digestOf("image"),
  wasmDigest: digestOf("module"),
  hash: "h2",
};
const slot = (more: Partial<SlotDelivery>) => {
  const one = { slot: "default", desired: [RUNS], running: undefined, runningSince: undefined, rejection: undefined, ...more };
  return { slots: new Map([["default", one]]) };
};
const runningOf = ({ peers }: Scene["replicas"][number]) => peers.fleet.proxy("shop/web")?.slots.get("default")?.running?.[0]?.hash;

test("what a proxy runs stays known while it moves, and a process that ended on its way is known to have", async () => {
  const scene = createScene(["a", "b", "c"]);
  const [a, b, c] = [nth(scene, 0), nth(scene, 1), nth(scene, 2)];
  b.own.put("web", true, 1, slot({ running: [RUNS], runningSince: 1 }));
  await scene.begin("a");
  b.own.put("web", false, 2, slot({ running: [RUNS], runningSince: 1 }));
  // Where it is now, it names a version that says nothing yet.
  c.own.put("web", true, 3, slot({ isUnread: true }));
  await scene.clock.advance(200);
  for (const each of [a, b, c]) assert.equal(runningOf(each), "h2", each.id);
  c.own.put("web", true, 3, slot({ running: [RUNS], runningSince: 4 }));
  await scene.clock.advance(200);
  assert.deepEqual(
    scene.replicas.map(({ peers }) => [...peers.own.proxies()].length),
    [0, 0, 1],
  );
  // Who had it forgets it: a proxy is kept where it is.
  assert.equal(b.own.fleet.proxy("shop/web"), undefined);
  assert.deepEqual([b.peers.isOwn("shop/web"), c.peers.isOwn("shop/web")], [false, true]);
  c.own.put("web", false, 5, { ...slot({ running: [RUNS], runningSince: 4 }), isOverdue: true });
  await scene.clock.advance(200);
  a.own.put("web", true, 6, slot({}));
  await scene.clock.advance(200);
  a.own.put("web", true, 6, slot({ running: [RUNS], runningSince: 7 }));
  await scene.clock.advance(200);
  for (const each of [a, b]) assert.equal(each.peers.fleet.proxy("shop/web")?.endedAt, 6, each.id);
  scene.stop();
});

test("what a proxy took last before it moved, and nobody told any more, is not taken for what it had before", async () => {
  const scene = createScene(["a", "b", "c"]);
  const [a, b, c] = [nth(scene, 0), nth(scene, 1), nth(scene, 2)];
  b.own.put("web", true, 1, slot({ running: [RUNS], runningSince: 1, holds: "v2" }));
  await scene.begin("a");
  // It acknowledges v3, and its replica is killed before it says so.
  scene.cut("b");
  c.own.put("web", true, 3, slot({ isUnread: true, holds: "v3" }));
  await scene.clock.advance(200);
  for (const each of [a, c]) assert.equal(runningOf(each), undefined, each.id);
  c.own.put("web", true, 3, slot({ running: [{ ...RUNS, hash: "h3" }], runningSince: 4, holds: "v3" }));
  await scene.clock.advance(200);
  for (const each of [a, c]) assert.equal(runningOf(each), "h3", each.id);
  scene.stop();
});

test("what was known of a proxy when it came once says nothing when it comes back", async () => {
  const scene = createScene(["a", "b"]);
  const [a, b] = [nth(scene, 0), nth(scene, 1)];
  const runs = slot({ running: [RUNS], runningSince: 1 });
  const hungAt = ({ peers }: typeof a) => peers.fleet.proxy("shop/web")?.hungSince;
  const move = async (from: typeof a, to: typeof a, at: number, more: Partial<ProxyNode> = {}) => {
    from.own.put("web", false, at, { ...runs, ...more });
    to.own.put("web", true, at + 1, runs);
    await scene.clock.advance(200);
  };
  a.own.put("web", true, 1, { ...runs, hungSince: 1 });
  scene.start();
  await scene.clock.advance(2_500);
  await move(a, b, 2, { hungSince: 1 });
  assert.equal(hungAt(b), 1);
  b.own.counters.set("shop/web", { at: 4, requests: 1, errors5xx: 0, latencySumMs: 0, latencyCount: 0, vmFailures: new Map() });
  assert.equal(hungAt(b), undefined, "it reported");
  await move(b, a, 5);
  await move(a, b, 7);
  assert.equal(hungAt(b), undefined, "it has not reported here yet");
  scene.stop();
});

test("a rejection is told though something else is desired before the next report", async () => {
  const scene = createScene(["a", "b"]);
  const [a, b] = [nth(scene, 0), nth(scene, 1)];
  scene.start();
  await scene.clock.advance(2_500);
  const rejection = { filters: [RUNS], culprit: RUNS, message: "no", at: 5 };
  b.own.put("web", true, 1, slot({ rejection }));
  b.own.put("web", true, 1, slot({ running: [] }));
  await scene.clock.advance(200);
  const told = () => a.peers.fleet.proxy("shop/web")?.slots.get("default")?.rejection;
  assert.equal(told()?.message, "no");
  b.own.put("web", true, 1, slot({ running: [] }));
  await scene.clock.advance(200);
  assert.equal(told(), undefined);
  b.own.put("web", true, 1, slot({ rejection }));
  b.own.put("web", true, 1, slot({ running: [RUNS] }));
  await scene.clock.advance(200);
  assert.equal(told(), undefined);
  scene.stop();
});

test("what who decides tells people, those hear of it who follow the events of another replica", async () => {
  const scene = createScene(["a", "b", "c"]);
  scene.start();
  await scene.clock.advance(2_500);
  nth(scene, 0).peers.tell({ filter: "shop/f", type: "Warning", reason: "RolledBack", message: "no" });
  nth(scene, 0).peers.tell({ filter: "shop/f", type: "Normal", reason: "Succeeded", message: "" });
  await scene.clock.advance(100);
  const heard = ["shop/f Warning RolledBack no", "shop/f Normal Succeeded "];
  assert.deepEqual(
    scene.replicas.map(({ told }) => told),
    [[], heard, heard],
  );
  scene.stop();
});

test("what the API server said of a replica's clients is known to all, and to one that comes when that replica is gone", async () => {
  const scene = createScene(["a", "b", "c"]);
  const [a, b, c] = [nth(scene, 0), nth(scene, 1), nth(scene, 2)];
  const names = (index: number) => ({ namespace: "shop", name: `web-${index}`, uid: `u${index}` });
  const tokenOf = (index: number) => ({ ...names(index), hash: `h${index}`, until: 9e15 });
  const podOf = (index: number) => ({ ...names(index), version: "7", labels: { app: "web" }, addresses: [`10.0.0.${index}`] });
  const first = { tokens: [tokenOf(0)], pods: Array.from({ length: 50 }, (_, index) => podOf(index)) };
  a.vouching.say(first);
  scene.cut("c");
  await scene.begin("a");
  assert.deepEqual(b.vouching.all(), first);
  a.vouching.say({ tokens: [tokenOf(1)], pods: [] });
  a.vouching.say({ tokens: [], pods: [{ ...podOf(60), addresses: "shared" }] });
  await scene.clock.advance(500);
  assert.deepEqual(b.vouching.all().tokens, [tokenOf(0), tokenOf(1)]);
  assert.deepEqual(b.vouching.all().pods.at(-1)?.addresses, "shared");
  assert.deepEqual(c.vouching.all().tokens, []);
  scene.cut("a");
  scene.mend("c");
  await scene.clock.advance(3_000);
  assert.deepEqual(c.vouching.all(), b.vouching.all());
  scene.stop();
});

test("what changed in the last moment is told before a replica leaves", async () => {
  const scene = createScene(["a", "b"]);
  const [a, b] = [nth(scene, 0), nth(scene, 1)];
  await scene.begin("a");
  b.own.put("web", true, 1);
  b.peers.stop();
  await scene.clock.advance(0);
  assert.deepEqual(seen(a), ["web false"], "it is known, and lost with its replica");
  scene.stop();
});
