import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { startHangScene, withoutWatchdog } from "./support/hang-scene.ts";
import { startProcess } from "./support/process.ts";
import { FILTER, type Release, type RolloutScene } from "./support/rollout-scene.ts";

const STEPS = [{ percent: 50, hold: "2s" }, { percent: 100 }];

/** A proof and two waves, one after the other: with nothing beside them they take 30 s of CPU and of time, and other tests run beside them. */
const HEAVY_MS = 180_000;

/** Fails when any proxy is said to hang before the release is decided. */
async function succeeds(scene: RolloutScene, release: Release, timeoutMs?: number): Promise<void> {
  let isDecided = false;
  const outcome = scene.outcome(release, timeoutMs).finally(() => {
    isDecided = true;
  });
  for (let looks = 0; !isDecided; looks++) {
    const metrics = await scene.server.metrics();
    assert.match(metrics, /^weir_proxies_hung 0$/m, `after ${looks} looks`);
    await setTimeout(250);
  }
  const result = await outcome;
  const { status } = (await scene.server.filter(FILTER)) ?? {};
  assert.equal(result, "Succeeded", JSON.stringify(status?.history?.find(({ digest }) => digest === release.digest)));
}

test("an Envoy that loads a module of 64 MiB, or has hardly any CPU, is not said to hang", async (t) => {
  const scene = await startHangScene(t, { proxies: 2, rollout: { steps: STEPS }, edit: withoutWatchdog });
  await t.test("64 MiB", async (t) => {
    const began = performance.now();
    await succeeds(scene, await scene.release(1, "good", true), HEAVY_MS);
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
