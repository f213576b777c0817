import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { wasm } from "../preflight/testing/wat.ts";
import { build } from "../scripts/build.ts";
import { buildExamples } from "../scripts/build-examples.ts";
import { ROOT } from "../scripts/tests/files.ts";
import { runOk } from "../scripts/tools/run.ts";
import { startEchoApp } from "./support/echo-app.ts";
import { startEnvoy } from "./support/envoy.ts";
import { reservePort } from "./support/ports.ts";
import { eventually } from "./support/process.ts";
import { startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { get } from "./support/traffic.ts";
import { condition, startWeir } from "./support/weir.ts";

interface Manifest {
  readonly version: string;
  readonly dependencies?: Record<string, string>;
}

const INSTALL = ["--no-audit", "--no-fund", "--prefer-offline"];

/** For an API server at `port`. */
const kubeconfig = (port: number): string =>
  JSON.stringify({
    ...{ apiVersion: "v1", kind: "Config", "current-context": "none" },
    contexts: [{ name: "none", context: { cluster: "none", user: "none" } }],
    clusters: [{ name: "none", cluster: { server: `https://127.0.0.1:${port}` } }],
    users: [{ name: "none", user: {} }],
  });

/** A plugin that is content only when the host evaluates `1 + 1` as CEL. */
const CEL_PLUGIN = `(module
  (import "env" "proxy_call_foreign_function" (func $call (param i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "expr_create") (data (i32.const 16) "expr_evaluate") (data (i32.const 32) "1 + 1") (data (i32.const 48) "\\00\\00\\00\\00")
  (func (export "malloc") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (if (call $call (i32.const 0) (i32.const 11) (i32.const 32) (i32.const 5) (i32.const 64) (i32.const 68)) (then unreachable))
    (if (call $call (i32.const 16) (i32.const 13) (i32.const 48) (i32.const 4) (i32.const 64) (i32.const 68)) (then unreachable))
    (i32.const 1)))`;

test("the packed tarball, installed in an empty folder, gives a working weir", { timeout: 300_000 }, async (t) => {
  const folder = await createTempFolder("package");
  t.after(() => folder.remove());
  const at = (...names: string[]) => join(folder.path, ...names);
  await build(at("package"));
  const [packed] = JSON.parse(await runOk("npm", ["pack", at("package"), "--json", "--pack-destination", folder.path])) as [
    { filename: string; size: number; unpackedSize: number; entryCount: number; files: { path: string }[] },
  ];
  assert.deepEqual(
    packed.files.filter(({ path }) => /\.ts$|\.test\.|testing\//.test(path) && !path.startsWith("templates/")),
    [],
    "no TypeScript and no tests, but those of new projects",
  );
  const manifestOf = async (...names: string[]) => JSON.parse(await readFile(at(...names, "package.json"), "utf8")) as Manifest;
  assert.deepEqual((await manifestOf("package")).dependencies ?? {}, {}, "nothing else is installed");
  const licenses = await readFile(at("package/THIRD-PARTY-LICENSES"), "utf8");
  for (const name of ["@kubernetes/client-node", "undici", "yaml", "@bufbuild/cel"]) assert.ok(licenses.includes(`\n${name} `), name);
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

  await weir("init", "made", "--accept-defaults");
  await runOk(join(ROOT, "bin/weir"), ["init", "made-by-checkout", "--accept-defaults", "--name", "made"], { cwd: folder.path });
  assert.equal(await runOk("diff", ["-r", at("made"), at("made-by-checkout")]), "", "the same as a checkout makes");
  await runOk("npm", ["ci", ...INSTALL], { cwd: at("made") });

  const { addHeaderAs } = await buildExamples();
  assert.match(await weir("verify", addHeaderAs.v1), /response header added: x-weir: v1/, "a module is proved");
  await writeFile(at("cel.wasm"), await wasm(CEL_PLUGIN));
  assert.match(await weir("verify", "cel.wasm"), /cel\.wasm/, "a prover finds CEL");
  await writeFile(at("cel.weir.yaml"), "cases:\n  - name: it starts\n");
  assert.match(
    await weir("test", "cel.weir.yaml", "--module", "cel.wasm"),
    /ok {3}it starts/,
    "cases run in their thread, which finds CEL too",
  );
  const registry = await startRegistry();
  t.after(() => registry.stop());
  const image = `${registry.host}/filters/add-header:v1`;
  await weir("push", addHeaderAs.v1, image);
  await writeFile(at("kubeconfig"), kubeconfig(await reservePort()));
  await assert.rejects(weir("get", "--kubeconfig", at("kubeconfig")), /cannot be reached: ECONNREFUSED/);
  await mkdir(at("filters"));
  const manifest = {
    apiVersion: "weir.dev/v1alpha1",
    kind: "WasmFilter",
    metadata: { name: "add-header" },
    spec: { image },
  };
  await writeFile(at("filters/a.json"), JSON.stringify(manifest));
  const server = await startWeir({ source: ["--filters", "filters"], data: "data", cwd: folder.path, bin });
  t.after(() => server.stop());
  await servesItsPages(server.url);
  const app = await startEchoApp();
  t.after(() => app.stop());
  const where = ["--xds", `127.0.0.1:${server.xdsPort}`, "--listen", "127.0.0.1:0", "--upstream", `127.0.0.1:${app.port}`];
  const envoy = await startEnvoy({ config: await weir("bootstrap", "--node", "web-1", ...where), log: "warning" });
  t.after(() => envoy.stop());
  const port = await envoy.port();
  await eventually("the header", async () => (await get(port)).headers["x-weir"] === "v1");
  await server.until("Ready", "add-header", (filter) => condition(filter, "Ready") === "True Ready");
});

/** A page and the files that it names, which the package must hold where the built code looks for them. */
async function servesItsPages(url: string): Promise<void> {
  const page = await fetch(url, { headers: { accept: "text/html" } });
  assert.equal(page.status, 200);
  const text = await page.text();
  assert.match(text, /<h1>Overview<\/h1>/);
  for (const [what, named, type, holds] of [
    ["style", /<link rel="stylesheet" href="([^"]+)">/, /^text\/css/, /\.panel \{/],
    ["script", /<script type="module" src="([^"]+)">/, /^text\/javascript/, /new EventSource\([\s\S]*\.showModal\(\)/],
  ] as const) {
    const path = named.exec(text)?.[1];
    assert.ok(path, `the page names its ${what}`);
    const file = await fetch(new URL(path, url));
    assert.equal(file.status, 200, path);
    assert.match(file.headers.get("content-type") ?? "", type, path);
    assert.match(await file.text(), holds, path);
  }
}
