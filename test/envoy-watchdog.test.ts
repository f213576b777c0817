import assert from "node:assert/strict";
import { test } from "node:test";
import { chainEntry } from "./support/chain-entry.ts";
import { faultyFilter } from "./support/faulty.ts";
import { startScene } from "./support/scene.ts";
import { soon } from "./support/soon.ts";

test("an Envoy with a worker that never returns is ended by the printed watchdog", { timeout: 60_000 }, async (t) => {
  const scene = await startScene(t);
  await scene.control.apply({ default: [chainEntry("loops", await faultyFilter("loops", "bad"))] });
  await soon(async () => (await scene.get()).headers["x-weir"], "bad");
  const sent = performance.now();
  void scene.get({ "x-loop": "1" }).catch(() => undefined);
  const { signal } = await scene.envoy.exited;
  const ms = performance.now() - sent;
  assert.equal(signal, "SIGABRT");
  assert.ok(ms > 4_000 && ms < 15_000, `ended after ${ms} ms`);
  t.diagnostic(`ended ${ms.toFixed(0)} ms after the request`);
});
