import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "../scripts/build.ts";
import { buildExamples } from "../scripts/build-examples.ts";
import { runOk } from "../scripts/tools/run.ts";
import { startEchoApp } from "./support/echo-app.ts";
import { startEnvoy } from "./support/envoy.ts";
import { eventually } from "./support/process.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { get } from "./support/traffic.ts";
import { condition, startWeir } from "./support/weir.ts";

const INSTALL = ["--no-audit", "--no-fund", "--prefer-offline"];

test("the packed tarball, installed in an empty folder, gives a working weir", { timeout: 300_000 }, async (t) => {
  const folder = await createTempFolder("package");
  t.after(() => folder.remove());
  const at = (...names: string[]) => join(folder.path, ...names);
  await build(at("package"));
  const [packed] = JSON.parse(await runOk("npm", ["pack", at("package"), "--json", "--pack-destination", folder.path])) as [
    { filename: string; size: number; unpackedSize: number; entryCount: number; files: { path: string }[] },
  ];
  assert.deepEqual(
    packed.files.filter(({ path }) => /\.ts$|\.test\.|testing\//.test(path)),
    [],
    "no TypeScript and no tests",
  );
  await mkdir(at("empty"));
  await writeFile(at("empty/package.json"), "{}");
  await runOk("npm", ["install", ...INSTALL, at(packed.filename)], { cwd: at("empty") });
  const bin = at("empty/node_modules/.bin/weir");
  const weir = (...args: string[]) => runOk(bin, args, { cwd: folder.path });
  t.diagnostic(`${packed.entryCount} files, ${packed.size} bytes packed, ${packed.unpackedSize} unpacked`);

  const { version } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  assert.ok((await weir("version")).startsWith(`weir ${version} `));
  assert.equal(await runOk(at("empty/node_modules/.bin/kubectl-weir"), ["version"]), await weir("version"));
  assert.match(await weir("completion", "bash"), /complete -F/);

  const { addHeaderAs } = await buildExamples();
  assert.match(await weir("verify", addHeaderAs.v1), /response header added: x-weir: v1/, "a module is proved");
  await weir("push", addHeaderAs.v1, "oci-layout:images:v1");
  await mkdir(at("filters"));
  const manifest = {
    apiVersion: "weir.dev/v1alpha1",
    kind: "WasmFilter",
    metadata: { name: "add-header" },
    spec: { image: "oci-layout:images:v1" },
  };
  await writeFile(at("filters/a.json"), JSON.stringify(manifest));
  const server = await startWeir({ source: ["--filters", "filters"], data: "data", cwd: folder.path, bin });
  t.after(() => server.stop());
  const app = await startEchoApp();
  t.after(() => app.stop());
  const where = ["--xds", `127.0.0.1:${server.xdsPort}`, "--listen", "127.0.0.1:0", "--upstream", `127.0.0.1:${app.port}`];
  const envoy = await startEnvoy({ config: await weir("bootstrap", "--node", "web-1", ...where), log: "warning" });
  t.after(() => envoy.stop());
  const port = await envoy.port();
  await eventually("the header", async () => (await get(port)).headers["x-weir"] === "v1");
  await server.until("Ready", "add-header", (filter) => condition(filter, "Ready") === "True Ready");
});
