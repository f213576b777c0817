import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { pushModule } from "../oci/index.ts";
import { passThroughModule } from "../xds/envoy/pass-through.ts";
import { startDeltaProxy } from "./support/delta-proxy.ts";
import { eventually } from "./support/process.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { condition, startWeir } from "./support/weir.ts";

/** For root, permissions count only without these. */
const CAPABILITIES = "-dac_override,-dac_read_search";
const WEIR = fileURLToPath(new URL("../bin/weir", import.meta.url));

/** As a volume that was mounted read-only after a fault: `true` and back. */
function setReadOnly(folder: string, isReadOnly: boolean): void {
  assert.equal(spawnSync("chmod", ["-R", isReadOnly ? "a-w" : "u+w", folder]).status, 0);
}

test("a data folder that cannot be written is told at the start, and what is stored is served", async (t) => {
  const folder = await createTempFolder("read-only");
  const root = folder.path;
  const data = join(root, "data");
  const bin = join(root, "weir");
  const drop = process.getuid?.() === 0 ? `setpriv --bounding-set=${CAPABILITIES} --inh-caps=${CAPABILITIES} ` : "";
  await writeFile(bin, `#!/bin/sh\nexec ${drop}${WEIR} "$@"\n`, { mode: 0o755 });
  await mkdir(join(root, "filters"));
  const pushed = await pushModule("oci-layout:images:a", passThroughModule, { keychain: new Map(), layoutBase: root });
  assert.ok(pushed.ok);
  const manifest = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: "a", namespace: "shop" } };
  await writeFile(join(root, "filters", "a.json"), JSON.stringify({ ...manifest, spec: { image: "oci-layout:images:a" } }));
  const weir = await startWeir({ source: ["--filters", join(root, "filters")], data, cwd: root, bin });
  t.after(async () => {
    await weir.stop();
    setReadOnly(data, false);
    await folder.remove();
  });
  await weir.until("a proof", "a", (filter) => condition(filter, "Validated").startsWith("True"));
  const revision = await readFile(join(data, "folder", "filters", "shop", "a", "revisions", "1.json"), "utf8");
  await weir.stop();
  setReadOnly(data, true);
  await weir.start();
  assert.match(weir.logs(), /the data folder cannot be written: what is stored is served, .*; make it writable, then start again/);
  const proxy = startDeltaProxy(weir.xdsPort, { id: "web-1", namespace: "shop", filterChain: true, names: ["weir/default"] });
  t.after(() => proxy.close());
  await eventually("the filter on the proxy", () => Object.keys(proxy.held()).length === 1);
  await weir.stop();
  assert.equal(await readFile(join(data, "folder", "filters", "shop", "a", "revisions", "1.json"), "utf8"), revision);
});
