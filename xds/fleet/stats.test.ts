import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dialectOf } from "../envoy/dialect.ts";
import { entryFixture } from "../testing/entry.ts";
import { Ledger } from "./ledger.ts";
import { createOffers } from "./offers.ts";
import { createProxyRecord } from "./proxy.ts";
import { createProxyStats, ownOf } from "./stats.ts";

const counter = (name: string, value: number) => ({ name, metric: [{ counter: { value } }] });
const summary = (name: string, sampleCount: number, sampleSum: number) => ({ name, metric: [{ summary: { sampleCount, sampleSum } }] });

describe("the statistics of a proxy", () => {
  test("counters are totals and stay when a report leaves them out; summaries cover one interval and add up", () => {
    const stats = createProxyStats();
    assert.equal(stats.health(), undefined);
    stats.take([counter("http.inbound.downstream_rq_completed", 10), summary("http.inbound.downstream_rq_time", 10, 50)], 1);
    stats.take([counter("http.inbound.downstream_rq_5xx", 2), summary("http.inbound.downstream_rq_time", 5, 100)], 2);
    const health = stats.health();
    assert.deepEqual(
      { ...health, vmFailures: undefined },
      { at: 2, requests: 10, errors5xx: 2, latencySumMs: 150, latencyCount: 15, vmFailures: undefined },
    );
  });

  test("the admin interface is not traffic, and VM reloads are counted by plugin", () => {
    const stats = createProxyStats();
    stats.take(
      [
        counter("http.admin.downstream_rq_completed", 99),
        counter("listener.0.0.0.0_80.http.inbound.downstream_rq_completed", 99),
        counter("wasm.shop/add-header.vm_reload_success", 2),
        counter("wasm.shop/add-header.vm_reload_backoff", 3),
      ],
      1,
    );
    assert.equal(stats.health()?.requests, 0);
    assert.deepEqual([...(stats.health()?.vmFailures ?? [])], [["shop/add-header", 5]]);
  });

  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -1, 9, 1e300]) {
    test(`a counter that says ${value} after 10 is refused, and the next good one counts`, () => {
      const stats = createProxyStats();
      stats.take([counter("http.inbound.downstream_rq_5xx", 10)], 1);
      stats.take([counter("http.inbound.downstream_rq_5xx", value), counter("http.inbound.downstream_rq_completed", 7)], 2);
      assert.equal(stats.health()?.errors5xx, 10);
      assert.equal(stats.health()?.requests, 7);
      stats.take([counter("http.inbound.downstream_rq_5xx", 11)], 3);
      assert.equal(stats.health()?.errors5xx, 11);
    });
  }

  test("a summary with a sum or a count that is no number counts for nothing", () => {
    const stats = createProxyStats();
    stats.take([summary("http.inbound.downstream_rq_time", 2, 8)], 1);
    for (const sum of [Number.NaN, -5, Number.POSITIVE_INFINITY]) stats.take([summary("http.inbound.downstream_rq_time", 3, sum)], 2);
    assert.equal(stats.health()?.latencyCount, 2);
    assert.equal(stats.health()?.latencySumMs, 8);
  });
});

test("what of a report is a proxy's own is found by one look at its names, however many plugins the report is about", () => {
  const dialect = dialectOf(true, "1.40.0");
  const node = {
    key: "shop/a",
    id: "a",
    namespace: "shop",
    labels: {},
    version: "1.40.0",
    dialect,
    managed: undefined,
    reportsEveryMs: undefined,
  };
  const record = createProxyRecord(node, 0);
  const offers = createOffers("epoch");
  let looks = 0;
  for (let index = 0; index < 1_000; index++) {
    const ledger = new Ledger(`weir/s/shop/f${index}`, "s", { namespace: "shop", name: `f${index}` });
    ledger.desire(offers.filter("s", entryFixture(`f${index}`), dialect, 0));
    const { desired } = ledger;
    Object.defineProperty(ledger, "desired", {
      get: () => {
        looks += 1;
        return desired;
      },
    });
    record.ledgers.set(ledger.name, ledger);
  }
  const families = Array.from({ length: 1_024 }, (_, index) => ({ name: `wasm.shop/f${2 * index}.vm_reload_failure` }));
  assert.deepEqual(ownOf(record, families), families.slice(0, 500));
  assert.equal(looks, 1_000);
});
