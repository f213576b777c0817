import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeliveredFilter, ProxyNode, SlotDelivery } from "../../model/delivery.ts";
import { FromCaller, Report } from "../gen/weir/v1/replicas.ts";
import { decodeReport, encodeReport, type Reported, reportMessages } from "./report.ts";

const digest = `sha256:${"a".repeat(64)}` as const;
const filter = (name: string, more: Partial<DeliveredFilter> = {}): DeliveredFilter => ({
  ...{ filter: { namespace: "shop", name }, revision: 2, digest, wasmDigest: digest, hash: `v2:${name}` },
  ...more,
});

function proxy(id: string): ProxyNode {
  const filters = [filter("f"), filter("g", { isPlaceholder: true }), filter("h", { plugin: "shop/h@2" })];
  const rejection = { filters, culprit: filters[2], message: "Unable to create Wasm plugin shop/h", at: 4_000 };
  const slot = { slot: "default", desired: filters, running: filters.slice(0, 1), runningSince: 3_000, rejection, holds: "v1" };
  const empty = {
    slot: "auth",
    desired: [],
    running: undefined,
    runningSince: undefined,
    rejection: undefined,
    isUnread: true,
    holds: "v2",
  };
  const times = { since: 1_000, hungSince: 2_000, endedAt: undefined, reportsEveryMs: 1_000 };
  return {
    ...{
      key: `shop/${id}`,
      id,
      namespace: "shop",
      labels: { app: "web" },
      connected: true,
      takesChains: true,
      version: "1.40.0",
      ...times,
    },
    slots: new Map<string, SlotDelivery>([
      ["default", slot],
      ["auth", empty],
    ]),
  };
}

const health = { at: 5_000, requests: 7, errors5xx: 1, latencySumMs: 3.5, latencyCount: 7, vmFailures: new Map([["shop/f", 2]]) };

test("a report reads back as it was, its times by the clock of who reads it", () => {
  const said: Reported = { proxies: [proxy("web-1")], gone: ["shop/old"], health: new Map([["shop/web-1", health]]) };
  const bytes = Report.encode(encodeReport(said)).finish();
  assert.deepEqual(decodeReport(Report.decode(bytes), 0), said);
  const later = decodeReport(Report.decode(bytes), 100);
  assert.deepEqual([later.proxies[0]?.since, later.proxies[0]?.hungSince, later.proxies[0]?.endedAt], [1_100, 2_100, undefined]);
  const slot = later.proxies[0]?.slots.get("default");
  assert.deepEqual([slot?.runningSince, slot?.rejection?.at, later.health.get("shop/web-1")?.at], [3_100, 4_100, 5_100]);
});

test("what many proxies run is in a message once", () => {
  const one = Report.encode(encodeReport({ proxies: [proxy("web-1")], gone: [], health: new Map() })).finish().length;
  const proxies = Array.from({ length: 100 }, (_, index) => proxy(`web-${index}`));
  const all = encodeReport({ proxies, gone: [], health: new Map() });
  assert.equal(all.filters?.length, 3);
  assert.deepEqual(all.versions, ["v1", "v2"]);
  assert.ok(Report.encode(all).finish().length < 40 * one, "a proxy more costs a fraction of the first");
});

test("what makes no sense is passed over", () => {
  const odd = decodeReport(
    {
      filters: [{ digest: "sha256:no" }],
      proxies: [{ id: "x", slots: [{ name: "s", desired: [0, 99], runs: true, running: [7], holds: 1 }] }],
    },
    0,
  );
  assert.deepEqual(odd.proxies[0]?.slots.get("s")?.desired, []);
  assert.deepEqual(odd.proxies[0]?.slots.get("s")?.running, []);
  assert.equal(odd.proxies[0]?.slots.get("s")?.holds, undefined);
  assert.deepEqual(decodeReport({}, 0), { proxies: [], gone: [], health: new Map() });
});

test("a report that is too large for one message is said in several, in order and whole", () => {
  const labels = Object.fromEntries(Array.from({ length: 256 }, (_, index) => [`${index}.${"k".repeat(200)}`, "v".repeat(63)]));
  const proxies = Array.from({ length: 200 }, (_, index) => ({ ...proxy(`web-${index}`), labels }));
  const counters = { at: 1, requests: 2, errors5xx: 0, latencySumMs: 1, latencyCount: 2, vmFailures: new Map() };
  const report = { proxies, gone: ["shop/old"], health: new Map([["shop/web-1", counters]]) };
  const messages = reportMessages(report);
  assert.ok(messages.length > 10 && messages.every(({ length }) => length <= 1024 * 1024), `${messages.length} messages`);
  const read = messages.map((bytes) => {
    const { said } = FromCaller.decode(bytes);
    return decodeReport(said?.$case === "report" ? said.report : {}, 0);
  });
  assert.deepEqual(
    read.flatMap((each) => each.proxies.map(({ id }) => id)),
    proxies.map(({ id }) => id),
  );
  assert.deepEqual([read.flatMap(({ gone }) => gone), read.flatMap(({ health }) => [...health.keys()])], [["shop/old"], ["shop/web-1"]]);
  assert.equal(reportMessages({ ...report, proxies: proxies.slice(0, 2) }).length, 1);
});

test("one proxy with names, labels and words without end is one message, and never stops what is said beside it", () => {
  const labels = Object.fromEntries(Array.from({ length: 256 }, (_, index) => [`${index}.${"k".repeat(240)}`, "v".repeat(63)]));
  const rejection = { filters: [], culprit: undefined, message: "m".repeat(4_096), at: 1 };
  const named = (index: number) => `${index}-${"n".repeat(500)}`;
  const slotOf = (index: number, more: Partial<SlotDelivery>): [string, SlotDelivery] => [
    named(index),
    { slot: named(index), desired: [], running: undefined, runningSince: undefined, rejection: undefined, ...more },
  ];
  const asked = Array.from({ length: 5_000 }, (_, index) => slotOf(index, {}));
  const refused = Array.from({ length: 5_000 }, (_, index) => slotOf(index, { rejection }));
  for (const slots of [asked, refused]) {
    const report = { proxies: [{ ...proxy("web"), labels, slots: new Map(slots) }], gone: ["shop/old"], health: new Map() };
    const messages = reportMessages(report);
    assert.ok(messages.every(({ length }) => length <= 1024 * 1024));
    const read = messages.map((bytes) => {
      const { said } = FromCaller.decode(bytes);
      return decodeReport(said?.$case === "report" ? said.report : {}, 0);
    });
    assert.deepEqual(
      read.flatMap(({ proxies, gone }) => [...proxies.map(({ id, slots: some }) => `${id} ${some.size}`), ...gone]),
      [`web ${slots === asked ? 0 : 256}`, "shop/old"],
    );
  }
});
