import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pushModule } from "../oci/index.ts";
import { startDeltaProxy } from "./support/delta-proxy.ts";
import { faultyFilter } from "./support/faulty.ts";
import { startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { startWeir } from "./support/weir.ts";

const SLOT = "weir/default";
/** Two steps, so that a wave passes and another starts. */
const ROLLOUT = { steps: [{ percent: 50, hold: "100ms" }, { percent: 100 }] };

test("one id finds every line of a change in the log: recorded, each wave, what each proxy answered, how it ended", {
  timeout: 90_000,
}, async (t) => {
  const folder = await createTempFolder("log-of-a-change");
  t.after(folder.remove);
  const registry = await startRegistry();
  t.after(registry.stop);
  const filters = join(folder.path, "filters");
  await mkdir(filters);
  const weir = await startWeir({ source: ["--filters", filters], data: join(folder.path, "data"), flags: ["--log-level", "debug"] });
  t.after(weir.stop);
  const proxies = ["a", "b"].map((id) => startDeltaProxy(weir.xdsPort, { id, namespace: "shop", filterChain: true, names: [SLOT] }));
  t.after(() => {
    for (const proxy of proxies) proxy.close();
  });
  const release = async (tag: string) => {
    const image = `${registry.host}/filters/told:${tag}`;
    const pushed = await pushModule(image, await faultyFilter("good", tag), { keychain: new Map() });
    assert.ok(pushed.ok);
    const spec = { image, rollout: ROLLOUT };
    const manifest = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: "told", namespace: "shop" }, spec };
    await writeFile(join(filters, "told.yaml"), JSON.stringify(manifest));
  };
  /** What the lines about this revision say, in their order. */
  const story = (revision: number) => {
    const lines = weir.logs().split("\n");
    const id = new RegExp(`rollout=(shop/told#${revision}@[0-9a-f]{8})\\b`).exec(weir.logs())?.[1] ?? "none";
    const found = lines.filter((line) => line.includes(id));
    return found.map((line) => /\bevent=(\w+)/.exec(line)?.[1] ?? (/a proxy (\w+)/.exec(line)?.[1] || line));
  };
  await release("one");
  await weir.until("it everywhere", "told", ({ status }) => status?.stableRevision === 1 && status.proxies?.updated === 2);
  await release("two");
  await weir.until("the next everywhere", "told", ({ status }) => status?.stableRevision === 2 && status.proxies?.updated === 2);
  // Which proxy is in the first wave, and whether both are, is chance: their places on the wave line are.
  const second = story(2);
  const told = second.filter((event) => event !== "acknowledged");
  assert.deepEqual(told, ["Validated", "RolloutStarted", "WaveStarted", "WavePassed", "WaveStarted", "Succeeded"]);
  const answers = second.slice(second.indexOf("WaveStarted"), -1).filter((event) => event === "acknowledged");
  assert.equal(answers.length, proxies.length, second.join());
  for (const proxy of proxies) proxy.refuse(SLOT, "it does not suit me");
  await release("three");
  await weir.until("it to come back", "told", ({ status }) => status?.rollout?.state === "RolledBack");
  const third = story(3);
  assert.deepEqual(third.slice(0, 3), ["Validated", "RolloutStarted", "WaveStarted"]);
  assert.deepEqual(
    third.slice(third.indexOf("rejected")).filter((event, index, all) => event !== all[index - 1]),
    ["rejected", "RolledBack"],
  );
});
