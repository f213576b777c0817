import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { firstInWave, loop, startHangScene, withoutWatchdog } from "./support/hang-scene.ts";
import { eventually } from "./support/process.ts";
import { FILTER, type RolloutScene } from "./support/rollout-scene.ts";
import { condition } from "./support/weir.ts";

const PROXIES = 4;
/** The hold is shorter than any hang takes to be told. */
const STEPS = [{ percent: 25, hold: "1s" }, { percent: 100 }];
/** So long that the proxy hangs before its second report. */
const slowly = (bootstrap: string) => bootstrap.replace('INTERVAL: "1s"', 'INTERVAL: "2s"').replace("interval: 1s", "interval: 2s");

async function notReady(scene: RolloutScene): Promise<void> {
  const hangs = await scene.server.until("the hang to be told", FILTER, (filter) => condition(filter, "Programmed") === "False ProxyHung");
  assert.deepEqual(hangs.status?.proxies, { matched: PROXIES, updated: PROXIES - 1, rejected: 0, pending: 1 });
  for (let looks = 0; looks < 20; looks++) {
    assert.match(condition(await scene.server.filter(FILTER), "Ready"), /^False/);
    await setTimeout(100);
  }
}

test("a proxy that hangs at once fails its wave, and is not ready for an operator that was killed and started again", {
  timeout: 60_000,
}, async (t) => {
  const scene = await startHangScene(t, { proxies: PROXIES, rollout: { steps: STEPS }, edit: (text) => slowly(withoutWatchdog(text)) });
  const { server } = scene;
  const victim = firstInWave(scene);
  const release = await scene.release(1, "loops");
  await eventually("its first wave to be served by it", () => victim.sights.at(-1)?.value === "1");
  const sent = loop(victim.port);
  assert.equal(await scene.outcome(release), "RolledBack");
  const backMs = performance.now() - sent;
  assert.match((await server.filter(FILTER))?.status?.rollout?.message ?? "", new RegExp(`^ProxyHung: .* 1 of 1 proxies .*${victim.node}`));
  for (const { node, sights } of scene.proxies) if (node !== victim.node) assert.equal(sights.length, 1, node);
  await notReady(scene);
  const ready = await victim.envoy.get("/ready");
  const stats = await victim.envoy.get("/stats?filter=uptime");
  assert.match(ready, /LIVE/);
  assert.match(stats, /server.uptime: /);
  await server.kill();
  await server.start();
  const started = performance.now();
  await notReady(scene);
  const toldMs = performance.now() - started - 2_000;
  t.diagnostic(
    `rolled back ${backMs.toFixed(0)} ms after the request that loops; /ready says ${ready.trim()}, /stats says ${stats.trim()}`,
  );
  t.diagnostic(`not ready ${toldMs.toFixed(0)} ms after the operator's start at the latest`);
});
