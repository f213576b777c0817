import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { bootstrapDefaults, renderBootstrap } from "./bootstrap.ts";
import { parseStatsInterval, STATS_INTERVAL_KEY } from "./stats-interval.ts";

test("a statistics interval is what Envoy takes for one; anything else is as if it were not there", () => {
  const good: [string, number][] = [
    ["1s", 1_000],
    ["0.250s", 250],
    ["0.001s", 1],
    ["299.999s", 299_999],
  ];
  for (const [text, ms] of good) assert.equal(parseStatsInterval(text), ms, text);
  for (const bad of [
    undefined,
    5,
    {},
    "",
    "5",
    "5m",
    "500ms",
    "0s",
    "0.0001s",
    "300s",
    "-1s",
    "1e9s",
    "NaNs",
    "0x5s",
    " 1s",
    "1s\n",
    "9".repeat(400),
  ])
    assert.equal(parseStatsInterval(bad), undefined, String(bad));
});

test("the printed bootstrap says of its statistics what it does", () => {
  for (const managed of [true, false]) {
    const { node, stats_flush_interval } = parse(renderBootstrap({ ...bootstrapDefaults, node: "web-1", managed }));
    assert.equal(node.metadata[STATS_INTERVAL_KEY], stats_flush_interval);
    assert.ok(parseStatsInterval(stats_flush_interval));
  }
  const { node, stats_sinks } = parse(renderBootstrap({ ...bootstrapDefaults, node: "web-1", stats: false }));
  assert.deepEqual([node.metadata[STATS_INTERVAL_KEY], stats_sinks], [undefined, undefined]);
});
