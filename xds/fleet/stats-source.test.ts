import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { type Log, silentLog } from "../../model/log.ts";
import { chainName } from "../envoy/chain.ts";
import { MANAGED_KEY } from "../envoy/managed-sidecar.ts";
import type { Node } from "../gen/envoy/config/core/v3/base.ts";
import { DeltaDiscoveryRequest } from "../gen/envoy/service/discovery/v3/discovery.ts";
import { StreamMetricsMessage } from "../gen/envoy/service/metrics/v3/metrics_service.ts";
import { typeUrls } from "../protocol/resource.ts";
import { entryFixture } from "../testing/entry.ts";
import { startFleet } from "../testing/fleet.ts";
import { connectGrpc } from "../testing/grpc-client.ts";

const ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const METRICS = "/envoy.service.metrics.v3.MetricsService/StreamMetrics";
const HEALTH = "/grpc.health.v1.Health/Check";
const NODE: Node = { id: "web-1", metadata: { NAMESPACE: "shop" } };

async function startScene(t: TestContext, node: Node = NODE, log: Log = silentLog) {
  const scene = await startFleet(t, undefined, log);
  /** A connection that speaks as the proxy when `speaks`; `report` counts requests. */
  const connect = async (speaks: boolean) => {
    const connection = connectGrpc(scene.port);
    scene.closing.push(() => connection.close());
    const ads = connection.call(ADS, () => {});
    if (speaks)
      await ads.write(
        DeltaDiscoveryRequest.encode({ node, typeUrl: typeUrls.extensionConfig, resourceNamesSubscribe: [chainName("default")] }).finish(),
      );
    /** Calls of a connection keep their order: what came before is taken in when this one is answered. */
    const settled = async () => {
      const check = connection.call(HEALTH, () => {});
      await check.write(Buffer.alloc(0));
      assert.equal((await check.ended).code, 0);
    };
    const openReport = () => {
      const call = connection.call(METRICS, () => {});
      let isFirst = true;
      return async (name: string, value: number) => {
        const identifier = isFirst ? { identifier: { node } } : {};
        isFirst = false;
        await call.write(
          StreamMetricsMessage.encode({ ...identifier, envoyMetrics: [{ name, metric: [{ counter: { value } }] }] }).finish(),
        );
        await settled();
      };
    };
    /** One report of all these counters. */
    const openReportOf = (counters: readonly (readonly [string, number])[]) => {
      const call = connection.call(METRICS, () => {});
      let isOpen = true;
      void call.ended.then(() => {
        isOpen = false;
      });
      const envoyMetrics = counters.map(([name, value]) => ({ name, metric: [{ counter: { value } }] }));
      return { sent: call.write(StreamMetricsMessage.encode({ identifier: { node }, envoyMetrics }).finish()), isOpen: () => isOpen };
    };
    await settled();
    return { openReport, openReportOf, settled, ads, connection };
  };
  return { ...scene, connect };
}

const COMPLETED = "http.inbound.downstream_rq_completed";

describe("whose statistics count", () => {
  test("how often they come is what the proxy says, until they come on another connection", async (t) => {
    const node = { id: "web-1", metadata: { NAMESPACE: "shop", WEIR_STATS_INTERVAL: "5s" } };
    const { fleet, connect } = await startScene(t, node);
    const said = () => fleet.proxy("shop/web-1")?.reportsEveryMs;
    const parent = await connect(true);
    assert.equal(said(), 5_000);
    await parent.openReport()(COMPLETED, 10);
    assert.equal(said(), 5_000);
    const child = await connect(true);
    await child.openReport()(COMPLETED, 1);
    assert.equal(said(), undefined, "a hot restart: the parent reports no more, and is well");
    parent.ads.cancel();
    await parent.settled();
    assert.equal(said(), 5_000);
  });

  test("those on the connection of the proxy's oldest open stream", async (t) => {
    const { fleet, connect } = await startScene(t);
    const owner = await connect(true);
    const [stranger, liar] = [await connect(false), await connect(true)];
    await owner.openReport()(COMPLETED, 10);
    await stranger.openReport()(COMPLETED, 1_000);
    await liar.openReport()("http.zz.downstream_rq_completed", 1_000);
    assert.equal(fleet.health("shop/web-1")?.requests, 10);
  });

  test("counters start again with another stream of it, even if its first message came too early", async (t) => {
    const { fleet, connect } = await startScene(t);
    const early = await connect(false);
    const report = early.openReport();
    await report(COMPLETED, 5);
    assert.equal(fleet.health("shop/web-1"), undefined);
    await early.ads.write(DeltaDiscoveryRequest.encode({ node: NODE, typeUrl: typeUrls.extensionConfig }).finish());
    await report(COMPLETED, 7);
    assert.equal(fleet.health("shop/web-1")?.requests, 7);
    await early.openReport()(COMPLETED, 1);
    assert.equal(fleet.health("shop/web-1")?.requests, 1);
  });

  test("of a managed sidecar only its listener's, and of plugins only the proxy's own", async (t) => {
    const managed = { listenHost: "127.0.0.1", listenPort: 1, appHost: "127.0.0.1", appPort: 2, slots: ["default"], whenMissing: "open" };
    const { fleet, connect } = await startScene(t, { id: "web-1", metadata: { NAMESPACE: "shop", [MANAGED_KEY]: managed } });
    const report = (await connect(true)).openReport();
    fleet.assign("shop/web-1", new Map([["default", [entryFixture("a")]]]));
    await report("http.zz.downstream_rq_completed", 1_000);
    await report(COMPLETED, 3);
    await report("wasm.shop/a.vm_reload_failure", 2);
    await report("wasm.shop/other.vm_reload_failure", 2);
    const health = fleet.health("shop/web-1");
    assert.equal(health?.requests, 3);
    assert.deepEqual([...(health?.vmFailures ?? [])], [["shop/a", 2]]);
  });

  test("a report that is too large is refused, and the log says once for a connection what to do", async (t) => {
    const told: string[] = [];
    const { connect } = await startScene(t, NODE, { ...silentLog, warn: (message, facts) => void told.push(`${message} ${facts?.why}`) });
    const { connection, openReport } = await connect(true);
    const large = StreamMetricsMessage.encode({
      identifier: { node: NODE },
      envoyMetrics: [{ help: "x".repeat(12 * 1024 * 1024) }],
    }).finish();
    for (let again = 0; again < 3; again++) {
      const call = connection.call(METRICS, () => {});
      void call.write(large);
      const { code, details } = await call.ended;
      assert.equal(code, 8);
      assert.match(details, /at most 12582912 bytes; its statistics are not counted.*stats_matcher/);
    }
    await openReport()(COMPLETED, 1);
    assert.deepEqual(told.length, 1, told.join("\n"));
    assert.match(told[0] ?? "", /a client was refused .*12582912 bytes; its statistics are not counted/);
  });

  for (const clusters of [0, 500, 1_500])
    test(`a gateway with 2,000 listeners and ${clusters} clusters reports more than is looked at, and goes on being heard`, async (t) => {
      const { fleet, connect } = await startScene(t);
      const { openReportOf, settled } = await connect(true);
      const own = Array.from({ length: 2_000 }, (_, index) => [`http.in${index}.downstream_rq_completed`, 1] as const);
      const others = Array.from(
        { length: clusters * 80 },
        (_, index) => [`cluster.outbound_80__a-service-${index}.upstream_rq_x`, 1] as const,
      );
      const report = openReportOf([...own, ...others]);
      await report.sent;
      await settled();
      assert.equal(fleet.health("shop/web-1")?.requests, 512);
      assert.equal(report.isOpen(), true);
    });
});
