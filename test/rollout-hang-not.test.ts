import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { startHangScene, withoutWatchdog } from "./support/hang-scene.ts";
import { startProcess } from "./support/process.ts";
import type { Release, RolloutScene } from "./support/rollout-scene.ts";

const STEPS = [{ percent: 50, hold: "2s" }, { percent: 100 }];

/** Fails when any proxy is said to hang before the release is decided. */
async function succeeds(scene: RolloutScene, release: Release): Promise<void> {
  let isDecided = false;
  const outcome = scene.outcome(release).finally(() => {
    isDecided = true;
  });
  for (let looks = 0; !isDecided; looks++) {
    const metrics = await scene.server.metrics();
    assert.match(metrics, /^weir_proxies_hung 0$/m, `after ${looks} looks`);
    await setTimeout(250);
  }
  assert.equal(await outcome, "Succeeded");
}

test("an Envoy that loads a module of 64 MiB, or has hardly any CPU, is not said to hang", { timeout: 60_000 }, async (t) => {
  const scene = await startHangScene(t, { proxies: 2, rollout: { steps: STEPS }, edit: withoutWatchdog });
  await t.test("64 MiB", async (t) => {
    const began = performance.now();
    await succeeds(scene, await scene.release(1, "good", true));
    t.diagnostic(`succeeded after ${(performance.now() - began).toFixed(0)} ms`);
  });
  await t.test("no CPU", async (t) => {
    const loops = Array.from({ length: 6 * availableParallelism() }, () => startProcess("sh", ["-c", "while :; do :; done"]));
    const burners = await Promise.all(loops);
    t.after(() => Promise.all(burners.map((burner) => burner.kill())));
    await setTimeout(5_000);
    await succeeds(scene, await scene.release(2, "good"));
  });
});
