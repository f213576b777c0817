import assert from "node:assert/strict";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { pushModule } from "../oci/index.ts";
import { passThroughModule } from "../xds/envoy/pass-through.ts";
import { type DeltaProxy, startDeltaProxy } from "./support/delta-proxy.ts";
import { eventually } from "./support/process.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { condition, startWeir, type Weir } from "./support/weir.ts";

/** A server that was started again and has one filter in its store: nothing of the module is in its memory. */
async function startScene(
  t: TestContext,
): Promise<{ readonly weir: Weir; readonly root: string; readonly connect: (id: string) => DeltaProxy }> {
  const folder = await createTempFolder("lost-module");
  const root = folder.path;
  await mkdir(join(root, "filters"));
  const pushed = await pushModule("oci-layout:images:a", passThroughModule, { keychain: new Map(), layoutBase: root });
  assert(pushed.ok);
  const manifest = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: "a", namespace: "shop" } };
  await writeFile(join(root, "filters", "a.json"), JSON.stringify({ ...manifest, spec: { image: "oci-layout:images:a" } }));
  const weir = await startWeir({ source: ["--filters", join(root, "filters")], data: join(root, "data"), cwd: root });
  const proved = () => weir.until("a proof", "a", (filter) => condition(filter, "Validated").startsWith("True"));
  await proved();
  await weir.stop();
  await weir.start();
  await proved();
  const proxies: DeltaProxy[] = [];
  t.after(async () => {
    for (const proxy of proxies) proxy.close();
    await weir.stop();
    await folder.remove();
  });
  const connect = (id: string) => {
    const names = ["weir/default", "weir/other"];
    const proxy = startDeltaProxy(weir.xdsPort, { id, namespace: "shop", filterChain: true, names });
    proxies.push(proxy);
    return proxy;
  };
  return { weir, root, connect };
}

async function loseModules(root: string): Promise<void> {
  const folder = join(root, "data", "modules", "blobs", "sha256");
  for (const file of await readdir(folder)) await rm(join(folder, file));
}

describe("a module's file that is lost while the server runs", () => {
  test("is fetched again when a proxy needs it", async (t) => {
    const { weir, root, connect } = await startScene(t);
    await loseModules(root);
    const proxy = connect("web-1");
    await eventually("both slots", () => Object.keys(proxy.held()).length === 2);
    assert.deepEqual(proxy.received.toSorted(), ["weir/default", "weir/other"]);
    await weir.until("the filter on the proxy", "a", (filter) => condition(filter, "Programmed").startsWith("True"));
  });

  test("holds its slot while the image is away too, and no other slot", async (t) => {
    const { root, connect } = await startScene(t);
    await rename(join(root, "images"), join(root, "away"));
    await loseModules(root);
    const proxy = connect("web-1");
    await eventually("the other slot", () => "weir/other" in proxy.held());
    await rename(join(root, "away"), join(root, "images"));
    await eventually("the slot of the filter", () => "weir/default" in proxy.held(), 60_000);
    assert.deepEqual(proxy.received, ["weir/other", "weir/default"]);
  });
});
