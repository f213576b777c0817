import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../../model/log.ts";
import { createFakeClock } from "../../model/testing/fake-clock.ts";
import { createLeaseServer } from "../testing/lease-server.ts";
import { createLease } from "./lease.ts";

function createScene(names: readonly string[]) {
  const clock = createFakeClock();
  const server = createLeaseServer();
  const changes: string[] = [];
  const replicas = names.map((id) => {
    const { api, cut, lose } = server.client();
    const common = { clock, steady: clock.now, random: () => 0.5, log: silentLog };
    const lease = createLease({ api, namespace: "weir-system", name: "weir", id, ...common });
    lease.onChange((isLeading) => void changes.push(`${id} ${isLeading ? "begins" : "ends"}`));
    return { id, lease, cut, lose };
  });
  const leading = () => replicas.filter(({ lease }) => lease.isLeading()).map(({ id }) => id);
  return { clock, server, changes, replicas, leading };
}

type Replica = ReturnType<typeof createScene>["replicas"][number];

test("one replica decides, and another when it lets the lease go", async () => {
  const { clock, server, changes, replicas, leading } = createScene(["a", "b"]);
  const [a, b] = replicas as [Replica, Replica];
  a.lease.start();
  await clock.advance(3_000);
  b.lease.start();
  await clock.advance(60_000);
  assert.deepEqual(leading(), ["a"]);
  assert.equal(b.lease.holder(), "a");
  const { holderIdentity, leaseDurationSeconds, leaseTransitions, renewTime } = server.spec() ?? {};
  assert.deepEqual([holderIdentity, leaseDurationSeconds, leaseTransitions], ["a", 15, 0]);
  assert.match(String(renewTime), /^2026-01-01T00:01:0\d\.\d{6}Z$/);
  await a.lease.release();
  assert.deepEqual(leading(), []);
  assert.equal(server.spec()?.holderIdentity, "");
  await clock.advance(1_500);
  assert.deepEqual(leading(), ["b"]);
  assert.deepEqual(changes, ["a begins", "a ends", "b begins"]);
  assert.deepEqual(server.events, ["LeaderElection: a became leader", "LeaderElection: b became leader"]);
  assert.equal(server.spec()?.leaseTransitions, 1);
  await b.lease.release();
});

test("the lease is let go though the answer to its last renewal, or to letting it go, was lost", async () => {
  for (const untilMs of [1_100, 0]) {
    const { clock, server, replicas } = createScene(["a"]);
    const [a] = replicas as [Replica];
    a.lease.start();
    await clock.advance(3_000);
    a.lose();
    await clock.advance(untilMs);
    const released = Promise.all([a.lease.release(), a.lease.release()]);
    await clock.advance(1_000);
    await released;
    assert.equal(server.spec()?.holderIdentity, "", `released after ${untilMs} ms`);
  }
});

test("letting the lease go is tried for ten seconds, and then given up", async () => {
  const { clock, server, replicas } = createScene(["a", "b"]);
  const [a, b] = replicas as [Replica, Replica];
  a.lease.start();
  await clock.advance(3_000);
  a.cut(true);
  const released = a.lease.release();
  await clock.advance(5_000);
  a.cut(false);
  await clock.advance(1_000);
  await released;
  assert.equal(server.spec()?.holderIdentity, "");
  b.lease.start();
  await clock.advance(3_000);
  b.cut(true);
  const given = b.lease.release();
  await clock.advance(11_000);
  await given;
  assert.equal(server.spec()?.holderIdentity, "b");
});

test("a leader that is cut off stops before another begins, and is a candidate when it is back", async () => {
  const { clock, changes, replicas, leading } = createScene(["a", "b"]);
  const [a, b] = replicas as [Replica, Replica];
  a.lease.start();
  await clock.advance(3_000);
  b.lease.start();
  await clock.advance(3_000);
  a.cut(true);
  const cutAt = clock.now();
  let endedAt = 0;
  let begunAt = 0;
  for (let ms = 0; ms < 20_000; ms += 100) {
    await clock.advance(100);
    assert.ok(leading().length <= 1);
    if (!a.lease.isLeading()) endedAt ||= clock.now() - cutAt;
    if (b.lease.isLeading()) begunAt ||= clock.now() - cutAt;
  }
  assert.ok(endedAt <= 10_000 && begunAt >= 14_000 && begunAt <= 17_000, `${endedAt} ${begunAt}`);
  a.cut(false);
  await clock.advance(20_000);
  assert.deepEqual(leading(), ["b"]);
  assert.equal(a.lease.holder(), "b");
  assert.deepEqual(changes, ["a begins", "a ends", "b begins"]);
  await Promise.all([a.lease.release(), b.lease.release()]);
  await clock.advance(60_000);
  assert.deepEqual(leading(), [], "who let it go takes no part any more");
});

test("an outage shorter than a reign changes nothing", async () => {
  const { clock, changes, replicas, leading } = createScene(["a", "b"]);
  for (const { lease } of replicas) lease.start();
  await clock.advance(5_000);
  const [leader] = leading();
  for (const { cut } of replicas) cut(true);
  await clock.advance(8_000);
  for (const { cut } of replicas) cut(false);
  await clock.advance(60_000);
  assert.deepEqual([leading(), changes], [[leader], [`${leader} begins`]]);
});

test("in an outage that is longer nobody decides, and one does afterwards", async () => {
  const { clock, replicas, leading } = createScene(["a", "b", "c"]);
  for (const { lease } of replicas) lease.start();
  await clock.advance(5_000);
  for (const { cut } of replicas) cut(true);
  await clock.advance(11_000);
  assert.deepEqual(leading(), []);
  await clock.advance(120_000);
  for (const { cut } of replicas) cut(false);
  await clock.advance(2_000);
  assert.equal(leading().length, 1);
});
