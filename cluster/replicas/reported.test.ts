import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProxyNode } from "../../model/delivery.ts";
import { createReportedFleet, type ReportedFleet } from "./reported.ts";

const KEY = "shop/web";

function proxy(connected: boolean, since: number): ProxyNode {
  return {
    ...{ key: KEY, id: "web", namespace: "shop", labels: {}, connected, since, hungSince: undefined, endedAt: undefined },
    ...{ reportsEveryMs: undefined, takesChains: true, version: "1.40.0", slots: new Map() },
  };
}

/** By the times of `b` the proxy came there later than by those of `c`, though it moved from `b` to `c`, which said so first. */
function movedAgainstTime() {
  const fleet = createReportedFleet(() => true);
  const says = (replica: string, connected: boolean, since: number) =>
    fleet.take(replica, { proxies: [proxy(connected, since)], gone: [], health: new Map() }, since);
  says("b", true, 10);
  says("c", true, 5);
  return { fleet, says };
}

const isAt = (fleet: ReportedFleet) => [fleet.replicaOf(KEY), fleet.proxy(KEY)?.connected];

test("a proxy is where it is connected, though the times of two replicas say that it came there before", () => {
  for (const leaves of [
    ({ says }: ReturnType<typeof movedAgainstTime>) => says("b", false, 11),
    ({ fleet }: ReturnType<typeof movedAgainstTime>) => fleet.take("b", { proxies: [], gone: [KEY], health: new Map() }, 11),
    ({ fleet }: ReturnType<typeof movedAgainstTime>) => fleet.lost(11, "b"),
  ]) {
    const moved = movedAgainstTime();
    assert.deepEqual(isAt(moved.fleet), ["b", true]);
    leaves(moved);
    assert.deepEqual(isAt(moved.fleet), ["c", true]);
    moved.says("c", false, 12);
    assert.deepEqual(isAt(moved.fleet), ["c", false], "what b said is over");
  }
});

test("a replica that lost the proxy meanwhile, or is lost, does not have it", () => {
  for (const ends of [
    ({ says }: ReturnType<typeof movedAgainstTime>) => says("c", false, 6),
    ({ fleet }: ReturnType<typeof movedAgainstTime>) => fleet.take("c", { proxies: [], gone: [KEY], health: new Map() }, 6),
    ({ fleet }: ReturnType<typeof movedAgainstTime>) => fleet.lost(6, "c"),
  ]) {
    const moved = movedAgainstTime();
    ends(moved);
    assert.deepEqual(isAt(moved.fleet), ["b", true]);
    moved.says("b", false, 11);
    assert.deepEqual(isAt(moved.fleet), ["b", false]);
  }
});

test("a hang that is known from before is over with the first counters, and whoever goes by it is told", async () => {
  const fleet = createReportedFleet(() => true);
  const changes: string[] = [];
  fleet.onChange((keys) => void changes.push(...keys));
  const told = () => new Promise(setImmediate);
  const says = (hungSince: number | undefined) =>
    fleet.take("b", { proxies: [{ ...proxy(true, 1), hungSince }], gone: [], health: new Map() }, 10);
  says(5);
  says(undefined);
  assert.equal(fleet.proxy(KEY)?.hungSince, 5);
  await told();
  changes.length = 0;
  const counters = { at: 11, requests: 1, errors5xx: 0, latencySumMs: 1, latencyCount: 1, vmFailures: new Map() };
  fleet.take("b", { proxies: [], gone: [], health: new Map([[KEY, counters]]) }, 11);
  await told();
  assert.deepEqual([fleet.proxy(KEY)?.hungSince, changes], [undefined, [KEY]]);
  says(12);
  fleet.take("b", { proxies: [], gone: [], health: new Map([[KEY, { ...counters, at: 13 }]]) }, 13);
  assert.equal(fleet.proxy(KEY)?.hungSince, 12, "what it says itself ends when it says so");
});
