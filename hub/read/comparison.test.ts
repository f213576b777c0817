import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ClusterState, FilterState, Running } from "./cluster-state.ts";
import { type ComparisonRow, compare, environmentsOf } from "./comparison.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
const serves = (namespace: string, name: string, tag: string, digit: string): FilterState => ({
  namespace,
  name,
  image: `r.example/${name}:${tag}`,
  digest: digest(digit),
});
const runs = (namespace: string, filter: string, digit: string, proxies: number): Running => ({
  namespace,
  filter,
  digest: digest(digit),
  proxies,
});

const here: ClusterState = {
  at: 0,
  filters: [
    serves("shop", "waf", "1", "a"),
    serves("test", "waf", "1", "b"),
    serves("shop", "log", "2", "c"),
    serves("test", "log", "2", "c"),
  ],
  running: [
    runs("shop", "shop/waf", "a", 4),
    runs("test", "test/waf", "b", 1),
    runs("test", "test/waf", "a", 2),
    runs("shop", "weir-system/auth", "d", 4),
    runs("shop", "shop/log", "c", 4),
  ],
};
const eu: ClusterState = { at: 0, filters: [serves("shop", "waf", "2", "e")], running: [runs("shop", "shop/waf", "e", 9)] };
const states = new Map([
  ["here", here],
  ["eu", eu],
]);
const rows = (...environments: readonly [string, string][]) =>
  compare(
    environments.map(([cluster, namespace]) => ({ cluster, namespace })),
    states,
  );
const told = (all: readonly ComparisonRow[]) => all.map(({ name, verdict }) => `${name} ${verdict}`);

describe("environments side by side", () => {
  test("those that differ come first, and one tag with two digests before all", () => {
    const all = rows(["here", "shop"], ["here", "test"]);
    assert.deepEqual(told(all), ["waf differs", "weir-system/auth missing", "log same"]);
    assert.deepEqual(
      all.map(({ movedTags }) => movedTags),
      [["r.example/waf:1"], [], []],
    );
    assert.deepEqual(all[0]?.cells[1]?.digests, [
      { digest: digest("a"), proxies: 2 },
      { digest: digest("b"), proxies: 1 },
    ]);
  });

  test("what no proxy has is compared by what it serves", () => {
    const log = rows(["here", "shop"], ["here", "test"]).find(({ name }) => name === "log");
    assert.deepEqual([log?.cells[1]?.digests, log?.verdict], [[], "same"]);
  });

  test("a namespace of one cluster with that of another, and clusters whole", () => {
    assert.deepEqual(told(rows(["here", "shop"], ["eu", "shop"])), ["waf differs", "log missing", "weir-system/auth missing"]);
    assert.deepEqual(told(rows(["here", ""], ["eu", ""])), [
      "shop/waf differs",
      "shop/log missing",
      "test/log missing",
      "test/waf missing",
      "weir-system/auth missing",
    ]);
    assert.deepEqual(told(rows(["here", "shop"], ["gone", "shop"])).length, 3);
  });

  test("the environments of a cluster are the namespaces of its filters and proxies", () => {
    assert.deepEqual(
      environmentsOf("here", here).map(({ namespace }) => namespace),
      ["shop", "test"],
    );
  });
});
