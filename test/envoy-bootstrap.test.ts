import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parse, stringify } from "yaml";
import { installEnvoy } from "../scripts/tools/envoy.ts";
import { type BootstrapOptions, bootstrapDefaults, renderBootstrap } from "../xds/index.ts";
import { chainEntry } from "./support/chain-entry.ts";
import { startProcess } from "./support/process.ts";
import { startScene } from "./support/scene.ts";
import { soon } from "./support/soon.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { startTraffic } from "./support/traffic.ts";
import { headerFilter } from "./support/wat.ts";

/** Envoy's errors and deprecation warnings about a configuration; empty when there are none. */
async function complaints(t: TestContext, config: string): Promise<string> {
  const folder = await createTempFolder("bootstrap");
  t.after(() => folder.remove());
  const file = join(folder.path, "envoy.yaml");
  await writeFile(file, config);
  const args = ["--mode", "validate", "--config-path", file, "--log-level", "error"];
  const validation = await startProcess(await installEnvoy(), args, { name: "envoy" });
  const { code } = await validation.exited;
  return code === 0 && !/deprecated/i.test(validation.logs()) ? "" : validation.logs();
}

test("Envoy accepts every bootstrap that is printed", async (t) => {
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
    assert.equal(await complaints(t, renderBootstrap({ ...bootstrapDefaults, node: "web-1", ...options })), "", name);
  }
});

test("Envoy accepts every slot that the documentation shows", async (t) => {
  const pages = ["proxies", "matching"].map((page) => readFile(new URL(`../docs/${page}.md`, import.meta.url), "utf8"));
  const text = (await Promise.all(pages)).join("\n");
  const blocks = [...text.matchAll(/^```yaml (http_filters|filters)\n(.*?)^```$/gms)];
  assert.ok(blocks.length >= 5);
  for (const [, place, yaml = ""] of blocks) {
    const bootstrap = parse(renderBootstrap({ ...bootstrapDefaults, node: "web-1", slots: [] }));
    const { filters } = bootstrap.static_resources.listeners[0].filter_chains[0];
    if (place === "filters") filters.unshift(...parse(yaml));
    else filters[0].typed_config.http_filters.unshift(...parse(yaml));
    assert.equal(await complaints(t, stringify(bootstrap)), "", yaml);
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
