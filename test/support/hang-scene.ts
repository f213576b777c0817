import assert from "node:assert/strict";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { proxyKey } from "../../model/proxy-key.ts";
import { threshold } from "../../operator/index.ts";
import { eventually } from "./process.ts";
import {
  FILTER,
  type Release,
  type RolloutScene,
  type RolloutSceneOptions,
  startRolloutScene,
  type WatchedProxy,
} from "./rollout-scene.ts";
import { get } from "./traffic.ts";
import { waveLineOf } from "./wave-line.ts";

/** A bootstrap without the watchdog that `weir bootstrap` prints. */
export const withoutWatchdog = (bootstrap: string): string => bootstrap.replace(/^watchdogs:.*\n {2}.*\n/m, "");

/** Real proxies under traffic. At the end of the test they are ended at once: one that hangs does not answer TERM. */
export async function startHangScene(t: TestContext, options: Omit<RolloutSceneOptions, "pauseMs">): Promise<RolloutScene> {
  const scene = await startRolloutScene({ pauseMs: 50, ...options });
  t.after(async () => {
    await Promise.all(scene.proxies.map(({ envoy }) => envoy.kill()));
    await scene.stop();
  });
  return scene;
}

/** The first of the proxies that are in a wave of 25 percent. */
export function firstInWave({ folder, proxies }: RolloutScene): WatchedProxy {
  const line = waveLineOf(join(folder, "data"));
  const at = ({ node }: { readonly node: string }) => line.position("hmac", `default/${FILTER}`, proxyKey("default", node));
  const end = threshold(25, proxies.map(at), 0);
  const victim = proxies.find((proxy) => at(proxy) < end);
  assert.ok(victim);
  return victim;
}

/** Releases a module that loops on one header, and sends that header to one proxy of the first wave once that has it. */
export async function loopOnce(scene: RolloutScene): Promise<{ release: Release; victim: WatchedProxy; sent: number }> {
  const victim = firstInWave(scene);
  const release = await scene.release(1, "loops");
  await scene.server.until("the first wave", FILTER, ({ status }) => status?.rollout?.state === "Holding" && status.revision === 2);
  await eventually("its first wave to be served by it", () => victim.sights.at(-1)?.value === "1");
  return { release, victim, sent: loop(victim.port) };
}

/** Sends the request that does not come back. Gives `performance.now()`. */
export function loop(port: number): number {
  void get(port, { "x-loop": "1" }).catch(() => undefined);
  return performance.now();
}
