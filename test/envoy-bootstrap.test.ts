import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { installEnvoy } from "../scripts/tools/envoy.ts";
import { type BootstrapOptions, bootstrapDefaults, renderBootstrap } from "../xds/index.ts";
import { chainEntry } from "./support/chain-entry.ts";
import { startProcess } from "./support/process.ts";
import { startScene } from "./support/scene.ts";
import { soon } from "./support/soon.ts";
import { tempFolder } from "./support/temp.ts";
import { startTraffic } from "./support/traffic.ts";
import { headerFilter } from "./support/wat.ts";

test("Envoy accepts every bootstrap that is printed", async (t) => {
  const folder = await tempFolder("bootstrap");
  t.after(() => folder.remove());
  const envoy = await installEnvoy();
  const variants: Readonly<Record<string, Partial<BootstrapOptions>>> = {
    plain: {},
    "odd names": { node: 'q"uo\\te: {#\u2028é', namespace: "shop", labels: { "app.kubernetes.io/name": "yes", empty: "" } },
    "several slots, open": { slots: ["first", "second"], whenMissing: "open" },
    "host names": { xds: { host: "localhost", port: 18000 }, upstream: { host: "localhost", port: 8080 } },
    "IPv6 addresses": { xds: { host: "::1", port: 18000 }, listen: { host: "::1", port: 10000 }, upstream: { host: "::1", port: 8080 } },
    managed: { managed: true, slots: ["first", "second"] },
    "managed, open, no statistics": { managed: true, whenMissing: "open", stats: false },
  };
  for (const [name, options] of Object.entries(variants)) {
    const file = join(folder.path, "envoy.yaml");
    await writeFile(file, renderBootstrap({ ...bootstrapDefaults, node: "web-1", ...options }));
    const validation = await startProcess(envoy, ["--mode", "validate", "--config-path", file, "--log-level", "error"], { name: "envoy" });
    const { code } = await validation.exited;
    assert.equal(code, 0, `${name}: ${validation.logs()}`);
    assert.doesNotMatch(validation.logs(), /deprecated/i, name);
  }
});

test("modules of any size reach a proxy over its bootstrap, and requests go on meanwhile", async (t) => {
  const scene = await startScene(t);
  await scene.control.apply({ default: [chainEntry("large", await headerFilter({ name: "x-size", value: "0" }))] });
  await soon(async () => (await scene.get()).headers["x-size"], "0");
  const traffic = startTraffic({ port: scene.port, filtered: ({ headers }) => headers["x-size"] !== undefined });
  t.after(() => traffic.stop());
  for (const megabytes of [2, 16, 63]) {
    const code = await headerFilter({ name: "x-size", value: `${megabytes}`, padding: megabytes << 20 });
    const took = await scene.control.apply({ default: [chainEntry("large", code)] });
    t.diagnostic(`${megabytes} MiB acknowledged after ${took.toFixed(0)} ms`);
    await soon(async () => (await scene.get()).headers["x-size"], `${megabytes}`);
  }
  const { sent, failed, unfiltered, samples } = await traffic.stop();
  t.diagnostic(`${sent} requests, ${failed} failed, ${unfiltered} unfiltered`);
  assert.deepEqual({ failed, unfiltered, samples }, { failed: 0, unfiltered: 0, samples: [] });
});
