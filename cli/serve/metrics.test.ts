import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { ago, NOW, rolling, settled } from "../testing/fixtures.ts";
import { registerCertificateMetrics } from "./certificate-metrics.ts";
import { registerFilterMetrics } from "./filter-metrics.ts";
import { createPrometheus } from "./metrics.ts";
import { registerServerMetrics } from "./server-metrics.ts";

function withFilters(filters: readonly WasmFilter[]) {
  const made = createPrometheus();
  const proxies = [true, true, false].map((connected, i) => ({
    key: `shop/web-${i}`,
    id: `web-${i}`,
    namespace: "shop",
    labels: {},
    connected,
    since: 0,
    hungSince: i === 0 ? 1 : undefined,
    endedAt: undefined,
    reportsEveryMs: undefined,
    takesChains: true,
    version: "1.40.0",
    slots: new Map(),
  }));
  registerCertificateMetrics(made.registry, undefined);
  registerServerMetrics(made.registry, {
    version: "0.1.0",
    source: { isFollowed: () => true },
    leadership: { isLeading: () => false, isHeard: () => true },
    peers: { counts: () => ({ reached: 1, away: 2 }) },
  });
  registerFilterMetrics(made.registry, () => filters, { proxies: () => proxies });
  return { ...made, samples: async () => (await made.registry.metrics()).split("\n").filter((line) => !line.startsWith("#")) };
}

describe("metrics", () => {
  test("docs/metrics.md lists every metric with its kind and labels, and no other", async () => {
    const { registry } = withFilters([]);
    const page = await readFile(new URL("../../docs/metrics.md", import.meta.url), "utf8");
    const told = [...page.matchAll(/^\| `(\w+)` \| (\w+) \|([^|]*)\|/gm)].map(
      ([, name, kind, labels = ""]) => `${name} ${kind} ${labels.trim()}`,
    );
    const made = registry.getMetricsAsArray().map((metric) => {
      // The library's types leave out what every metric has.
      const { name, type, labelNames } = metric as unknown as { name: string; type: string; labelNames: string[] };
      return `${name} ${type} ${labelNames.map((label) => `\`${label}\``).join(", ")}`.trimEnd();
    });
    assert.deepEqual(told.map((line) => line.trimEnd()).sort(), made.sort());
  });

  test("names have the prefix and the unit, and counters end in _total", () => {
    for (const metric of withFilters([]).registry.getMetricsAsArray()) {
      const { name, type } = metric as unknown as { name: string; type: string };
      assert.match(name, /^weir_[a-z0-9_]+$/);
      if (type === "counter") assert.match(name, /_total$/);
      if (type === "histogram") assert.match(name, /_seconds$/);
    }
  });

  test("counters begin at zero for every value of their label", async () => {
    const lines = await withFilters([]).samples();
    for (const line of [
      'weir_pushes_total{type="extension_config"} 0',
      'weir_nacks_total{reason="plugin"} 0',
      'weir_retries_total{work="registry"} 0',
      'weir_refused_clients_total{reason="limit"} 0',
    ]) {
      assert.ok(lines.includes(line), line);
    }
  });

  test("what rooms tell is counted, and gauges are read when somebody looks", async () => {
    const { metrics, samples } = withFilters([]);
    metrics.start("pull")("retry");
    metrics.pushed("listener");
    metrics.acknowledged("listener", 0.02);
    metrics.rejected("plugin");
    metrics.refusedClient("protocol");
    metrics.retried("status");
    let depth = 1;
    metrics.gauge("queue_depth", () => depth);
    depth = 7;
    const lines = await samples();
    for (const line of [
      'weir_pull_duration_seconds_count{outcome="retry"} 1',
      'weir_pushes_total{type="listener"} 1',
      'weir_push_ack_duration_seconds_bucket{le="0.025",type="listener"} 1',
      'weir_nacks_total{reason="plugin"} 1',
      'weir_refused_clients_total{reason="protocol"} 1',
      'weir_retries_total{work="status"} 1',
      "weir_queue_depth 7",
    ]) {
      assert.ok(lines.includes(line), line);
    }
  });

  test("filters have their proxies, readiness and revisions; a filter that is gone has none", async () => {
    const filters = [rolling];
    const { samples } = withFilters(filters);
    const lines = await samples();
    for (const line of [
      'weir_filter_proxies{namespace="shop",name="add-header",state="updated"} 12',
      'weir_filter_proxies{namespace="shop",name="add-header",state="pending"} 27',
      'weir_filter_ready{namespace="shop",name="add-header"} 0',
      `weir_filter_not_ready_timestamp_seconds{namespace="shop",name="add-header",reason="WaveInProgress",state="reconciling"} ${NOW / 1_000 - 120}`,
      `weir_filter_rollout_timestamp_seconds{namespace="shop",name="add-header",state="Progressing"} ${NOW / 1_000 - 120}`,
      'weir_filter_revision{namespace="shop",name="add-header",which="target"} 4',
      'weir_filter_revision{namespace="shop",name="add-header",which="stable"} 3',
      "weir_proxies_connected 2",
      "weir_proxies_hung 1",
    ]) {
      assert.ok(lines.includes(line), line);
    }
    filters.length = 0;
    assert.ok(!(await samples()).some((line) => line.includes("add-header")));
  });

  test("a filter that is Ready has no reason not to be, and one that is stalled says so", async () => {
    const stalled = {
      ...rolling,
      status: {
        ...rolling.status,
        conditions: [
          { type: "Ready", status: "False", reason: "RolledBack", message: "", lastTransitionTime: ago(60) },
          { type: "Stalled", status: "True", reason: "RolledBack", message: "", lastTransitionTime: ago(30) },
        ],
      },
    } satisfies WasmFilter;
    const found = (await withFilters([settled, stalled]).samples()).filter((line) => line.startsWith("weir_filter_not_ready"));
    const labels = 'namespace="shop",name="add-header",reason="RolledBack",state="stalled"';
    assert.deepEqual(found, [`weir_filter_not_ready_timestamp_seconds{${labels}} ${NOW / 1_000 - 60}`]);
  });

  test("a filter whose registry is away says so while its last revision serves", async () => {
    const resolved = {
      type: "Resolved",
      status: "Unknown",
      reason: "RegistryUnavailable",
      message: "",
      lastTransitionTime: ago(90),
    } as const;
    const before = settled.status?.conditions ?? [];
    const conditions = (reason: string) => ({
      ...settled,
      status: { ...settled.status, conditions: [...before, { ...resolved, reason }] },
    });
    const found = async (reason: string) =>
      (await withFilters([conditions(reason)]).samples()).filter((line) => line.startsWith("weir_filter_not_res"));
    assert.deepEqual(await found("RegistryUnavailable"), [
      `weir_filter_not_resolved_timestamp_seconds{namespace="shop",name="limit",reason="RegistryUnavailable"} ${NOW / 1_000 - 90}`,
    ]);
    assert.deepEqual(await found("Pending"), []);
    assert.match((await found("an essay".repeat(1_000)))[0] ?? "", /reason="Other"/);
  });

  test("a filter has ten series at most, whatever becomes of it", async () => {
    const count = async (filters: readonly WasmFilter[]) => (await withFilters(filters).samples()).length;
    const resolved = { type: "Resolved", status: "Unknown", reason: "RateLimited", message: "", lastTransitionTime: ago(90) } as const;
    const conditions = [...(rolling.status?.conditions ?? []), resolved];
    assert.equal((await count([{ ...rolling, status: { ...rolling.status, conditions } }])) - (await count([])), 10);
  });

  test("a server tells whether it decides, who else is there, and what it is", async () => {
    const lines = await withFilters([]).samples();
    for (const line of [
      'weir_build_info{version="0.1.0"} 1',
      "weir_leading 0",
      "weir_leader_heard 1",
      "weir_source_followed 1",
      'weir_peers{state="reached"} 1',
      'weir_peers{state="away"} 2',
    ]) {
      assert.ok(lines.includes(line), line);
    }
  });

  test("a name that needs it is escaped", async () => {
    const odd = { ...rolling, metadata: { ...rolling.metadata, name: 'a"b\\c\nd' } };
    assert.ok((await withFilters([odd]).samples()).includes('weir_filter_ready{namespace="shop",name="a\\"b\\\\c\\nd"} 0'));
  });
});
