import assert from "node:assert/strict";
import { test } from "node:test";
import { chainEntry } from "./support/chain-entry.ts";
import { eventually } from "./support/process.ts";
import { startScene } from "./support/scene.ts";
import { soon } from "./support/soon.ts";
import { headerFilter } from "./support/wat.ts";

test("a proxy started with the printed bootstrap tells how its requests and its filters fare", async (t) => {
  const scene = await startScene(t);
  const code = await headerFilter({ name: "x-value", value: "on", trapOnDemand: true });
  await scene.control.apply({ default: [chainEntry("trap", code)] });
  await soon(async () => (await scene.get()).headers["x-value"], "on");
  const health = () => scene.control.fleet.health("shop/web-1");

  const REQUESTS = 40;
  for (let i = 1; i < REQUESTS; i++) assert.equal((await scene.get()).status, 200);
  await eventually("the requests to be counted", () => (health()?.requests ?? 0) >= REQUESTS);
  const calm = health();
  assert.ok(calm);
  assert.equal(calm.errors5xx, 0);
  assert.deepEqual(
    [...calm.vmFailures.values()].filter((count) => count > 0),
    [],
  );
  assert.ok(calm.latencyCount >= REQUESTS - 1, `latency of ${calm.latencyCount} requests`);
  const meanMs = calm.latencySumMs / calm.latencyCount;
  assert.ok(meanMs > 0 && meanMs < 1_000, `mean latency ${meanMs} ms`);

  assert.equal((await scene.get({ "x-trap": "1" })).status, 503);
  // The VM is built anew for a request that needs it: only the worker that trapped does so, and only when it gets one.
  await eventually("the failure to be counted", async () => {
    await scene.get();
    return (health()?.vmFailures.get("shop/trap") ?? 0) > 0;
  });
  assert.ok((health()?.errors5xx ?? 0) > 0);
});
