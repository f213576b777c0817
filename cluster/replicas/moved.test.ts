import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeliveredFilter, ProxyNode, SlotDelivery } from "../../model/delivery.ts";
import { digestOf } from "../../model/digest.ts";
import { asOneServerSees, isReadWhole } from "./moved.ts";

const KEY = { namespace: "shop", name: "f" };
const RUNS: DeliveredFilter = { filter: KEY, revision: 2, digest: digestOf("i"), wasmDigest: digestOf("m"), hash: "h2" };

function proxy(since: number, slot: Partial<SlotDelivery>, more: Partial<ProxyNode> = {}): ProxyNode {
  const one = { slot: "default", desired: [], running: undefined, runningSince: undefined, rejection: undefined, ...slot };
  return {
    ...{ key: "shop/web", id: "web", namespace: "shop", labels: {}, connected: true, since, hungSince: undefined, endedAt: undefined },
    ...{ reportsEveryMs: 1_000, takesChains: true, version: "1.40.0", slots: new Map([["default", one]]), ...more },
  };
}

const was = (more: Partial<ProxyNode> = {}) => proxy(1, { running: [RUNS], runningSince: 1 }, { connected: false, ...more });
const runningOf = ({ slots }: ProxyNode) => slots.get("default")?.running;

test("what it has is what it had, while it names a version that says nothing where it is now", () => {
  const now = proxy(2, { isUnread: true });
  assert.deepEqual(runningOf(asOneServerSees(now, was(), false)), [RUNS]);
  assert.deepEqual([isReadWhole(now), isReadWhole(proxy(2, {})), isReadWhole({ ...now, slots: new Map() })], [false, true, false]);
});

test("what was there last is not what it has, where it names another version: it took something more that is not told any more", () => {
  const before = (holds: string | undefined) =>
    proxy(1, { running: [RUNS], runningSince: 1, ...(holds && { holds }) }, { connected: false });
  const seen = (holds: string) => asOneServerSees(proxy(2, { isUnread: true, holds }), before("v2"), false);
  assert.deepEqual(runningOf(seen("v2")), [RUNS]);
  assert.equal(runningOf(seen("v3")), undefined);
  assert.equal(isReadWhole(seen("v3")), false, "nor does it have nothing");
  // Who had it is of an earlier version, and does not tell which it was.
  assert.deepEqual(runningOf(asOneServerSees(proxy(2, { isUnread: true, holds: "v3" }), before(undefined), false)), [RUNS]);
});

test("one that has nothing is a new process: what was before has ended, whether it hung, and badly where its reports were overdue", () => {
  const now = proxy(2, {});
  const seen = asOneServerSees(now, was({ isOverdue: true, hungSince: 1 }), false);
  assert.deepEqual([runningOf(seen), seen.endedAt, seen.hungSince], [undefined, 2, undefined]);
  assert.equal(asOneServerSees(now, was(), false).endedAt, undefined);
  assert.equal(asOneServerSees({ ...now, endedAt: 3 }, was({ isOverdue: true }), false).endedAt, 3);
});

test("one that hung hangs until it reports where it is now", () => {
  const now = proxy(2, { running: [RUNS] });
  assert.equal(asOneServerSees(now, was({ isOverdue: true, hungSince: 1 }), false).hungSince, 1);
  assert.equal(asOneServerSees(now, was({ isOverdue: true, hungSince: 1 }), true).hungSince, undefined);
  assert.equal(asOneServerSees({ ...now, hungSince: 5 }, was({ hungSince: 1 }), true).hungSince, 5);
});
