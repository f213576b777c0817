import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { loopOnce, startHangScene, withoutWatchdog } from "./support/hang-scene.ts";
import { eventually } from "./support/process.ts";
import { FILTER, type Release, type RolloutScene } from "./support/rollout-scene.ts";
import { condition } from "./support/weir.ts";

const PROXIES = 8;
/** The hold is longer than any hang takes to be told. */
const STEPS = [{ percent: 25, hold: "8s" }, { percent: 100 }];

function startScene(t: TestContext, edit = (bootstrap: string) => bootstrap): Promise<RolloutScene> {
  return startHangScene(t, { proxies: PROXIES, rollout: { steps: STEPS }, edit });
}

/** A bootstrap that Weir did not print: it has the stats sink, and no more. */
const ofOthers = (bootstrap: string) => withoutWatchdog(bootstrap).replace(/^ +WEIR_STATS_INTERVAL.*\n/m, "");

/** What became of the release. Fails when the filter is ready before that is decided: a proxy hangs. */
async function outcomeUnready(scene: RolloutScene, release: Release): Promise<string> {
  let looks = 0;
  const outcome = scene.outcome(release);
  for (; ; looks++) {
    const filter = await scene.server.filter(FILTER);
    if (filter?.status?.rollout?.state !== "Holding") break;
    assert.match(condition(filter, "Ready"), /^False/);
    await setTimeout(100);
  }
  assert.ok(looks > 10, `${looks} looks at the condition`);
  return outcome;
}

/** No request of a proxy that was never given the module saw anything but the release before. */
function othersUnharmed({ proxies }: RolloutScene): void {
  for (const { node, sights } of proxies) {
    if (sights.some(({ value }) => value !== "0")) continue;
    assert.equal(sights.length, 1, node);
  }
  assert.ok(proxies.filter(({ sights }) => sights.length === 1).length >= PROXIES - 2);
}

test("a module that loops on one header is taken back: the printed bootstrap ends the Envoy that hangs", {
  timeout: 180_000,
}, async (t) => {
  const scene = await startScene(t);
  const { release, victim, sent } = await loopOnce(scene);
  let endedMs = 0;
  void victim.envoy.exited.then(() => {
    endedMs = performance.now() - sent;
  });
  assert.equal(await outcomeUnready(scene, release), "RolledBack");
  const backMs = performance.now() - sent;
  await eventually("its Envoy to end", () => endedMs > 0, 30_000);
  const status = (await scene.server.filter(FILTER))?.status;
  assert.match(status?.rollout?.message ?? "", new RegExp(`^ProxyHung: .* 1 of 2 proxies .*${victim.node}`));
  assert.ok(endedMs < 30_000, `Envoy ended after ${endedMs} ms`);
  assert.ok(backMs < 30_000, `rolled back after ${backMs} ms`);
  othersUnharmed(scene);
  t.diagnostic(`Envoy ended ${endedMs.toFixed(0)} ms after the request that loops; rolled back after ${backMs.toFixed(0)} ms`);
});

test("a proxy with a bootstrap of others that hangs is never counted as updated, and the filter is not ready", {
  timeout: 180_000,
}, async (t) => {
  const scene = await startScene(t, ofOthers);
  // The pause between a proxy's reports must be known before a report can be missed.
  await setTimeout(4_000);
  const { release, victim, sent } = await loopOnce(scene);
  assert.equal(await outcomeUnready(scene, release), "RolledBack");
  const backMs = performance.now() - sent;
  t.diagnostic(`rolled back ${backMs.toFixed(0)} ms after the request that loops`);
  assert.ok(backMs < 30_000, `rolled back after ${backMs} ms`);
  const hung = await scene.server.until("the others to be back", FILTER, ({ status }) => status?.proxies?.updated === PROXIES - 1);
  assert.match(hung.status?.rollout?.message ?? "", /^ProxyHung: /);
  // It acknowledged the good release, and still serves nothing.
  for (let looks = 0; looks < 20; looks++) {
    const now = await scene.server.filter(FILTER);
    assert.ok(now);
    assert.deepEqual(now.status?.proxies, { matched: PROXIES, updated: PROXIES - 1, rejected: 0, pending: 1 });
    assert.match(condition(now, "Programmed"), /^False ProxyHung/);
    assert.match(condition(now, "Ready"), /^False/);
    await setTimeout(100);
  }
  const view = (await scene.server.proxies()).find(({ id }) => id === victim.node);
  assert.deepEqual([view?.connected, view?.slots[0]?.filters[0]?.state], [true, "pending"]);
  othersUnharmed(scene);
});
