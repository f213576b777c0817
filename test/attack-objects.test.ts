import assert from "node:assert/strict";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { pushModule } from "../oci/index.ts";
import { installCrds, kubectl, startCluster } from "./support/cluster.ts";
import { startDeltaProxy } from "./support/delta-proxy.ts";
import { watchHealth } from "./support/health.ts";
import { eventually } from "./support/process.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";
import { condition, startWeir, type WeirOptions, weir } from "./support/weir.ts";

const HOOKS = fileURLToPath(new URL("./support/fault-hooks.ts", import.meta.url));
const IMAGE = "oci-layout:images:good";
/** Of /healthz, in milliseconds. Below it on an idle machine; this one may be busy with other tests. */
const WORST_MS = 100;
const BUSY = 5;

const object = (name: string, spec: object, namespace = "shop") =>
  JSON.stringify({ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name, namespace }, spec: { image: IMAGE, ...spec } });
const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
const many = (count: number, part: (index: number) => string, between = "") =>
  Array.from({ length: count }, (_, i) => part(i)).join(between);

/** A `weir serve` on a folder, as users start it. */
async function scene(t: TestContext, options: Partial<WeirOptions> = {}) {
  const folder = await createTempFolder("attack-objects");
  t.after(() => folder.remove());
  const filters = join(folder.path, "filters");
  await mkdir(filters);
  const pushed = await pushModule(IMAGE, await headerFilter({ name: "x-good", value: "on" }), {
    keychain: new Map(),
    layoutBase: folder.path,
  });
  assert.ok(pushed.ok);
  const put = async (file: string, text: string) => {
    await writeFile(join(folder.path, "next"), text);
    await rename(join(folder.path, "next"), join(filters, file));
  };
  await put("good.json", object("good", {}));
  const started = { source: ["--filters", filters], data: join(folder.path, "data"), cwd: folder.path, ...options };
  const server = await startWeir(started);
  t.after(() => server.stop());
  const ready = (name: string) => server.until(`${name} is ready`, name, (filter) => condition(filter, "Ready").startsWith("True"));
  await ready("good");
  return { folder: folder.path, started, server, put, ready };
}

test("files made to cost time, depth or memory are named, hold up nothing, and stop no other file", async (t) => {
  const { server, put, ready } = await scene(t);
  const head = `apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata: {name: bomb, namespace: b}\nspec:\n  image: "${IMAGE}"\n`;
  const pid = server.pid();
  const attacks: Readonly<Record<string, readonly [file: string, text: string, says: RegExp]>> = {
    "9,000 levels of JSON": [
      "deep.json",
      object("deep", { config: 0 }, "b").replace('"config":0', `"config":${nested(9_000)}`),
      /nested deeper than 100 levels/,
    ],
    "9,000 levels of YAML": ["deep.yaml", `${head}  config: ${nested(9_000)}\n`, /nested too deeply/],
    "a text of 1.5 MB, repeated 99 times": [
      "alias.yaml",
      `${head}  config:\n    a: &a "${"x".repeat(1_500_000)}"\n    b: [${many(99, () => "*a", ", ")}]\n`,
      /larger than 3 MiB/,
    ],
    "1 MB of wrong escapes, which held everything up for 10 s": [
      "escapes.yaml",
      `${head}  config: "${"\\q".repeat(500_000)}"\n`,
      /escapes\.yaml.*Invalid escape sequence/,
    ],
    "300,000 unknown fields": [
      "fields.yaml",
      head + many(300_000, (i) => `  unknownfield${i}: 1\n`),
      /fields\.yaml.*more than 100,000 tokens/,
    ],
    "300,000 unknown fields of JSON": [
      "fields.json",
      object("fields", Object.fromEntries(Array.from({ length: 300_000 }, (_, i) => [`u${i}`, 1])), "b"),
      /more than 200,000 values/,
    ],
    "200,000 steps": [
      "steps.yaml",
      `${head}  rollout: {steps: [${many(200_000, (i) => `{percent: ${i}}`, ", ")}]}\n`,
      /steps\.yaml.*more than 100,000 tokens/,
    ],
    "aliases of aliases": [
      "billion.yaml",
      `${head}  config:\n    a: &a [${many(9, () => "lol", ",")}]\n${many(8, (i) => `    ${"bcdefghi"[i]}: &${"bcdefghi"[i]} [${many(9, () => `*${"abcdefgh"[i]}`, ",")}]\n`)}`,
      /billion\.yaml.*too many aliases/,
    ],
    "50,000 documents": ["docs.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n".repeat(50_000), /docs\.yaml/],
  };
  for (const [what, [file, text, says]] of Object.entries(attacks)) {
    const health = watchHealth(server.url);
    const began = performance.now();
    await put(file, text);
    await eventually(
      `${what}: a word about it`,
      async () => says.test(server.logs()) || says.test(JSON.stringify(await (await fetch(`${server.url}/api/v1/filters`)).json())),
      30_000,
    ).catch((error) => assert.fail(`${error}\n${server.logs().slice(-3000)}`));
    await put("later.json", object(`after-${file.replace(".", "-")}`, {}));
    await ready(`after-${file.replace(".", "-")}`);
    await health.stop();
    t.diagnostic(
      `${what} (${(text.length / 1024).toFixed(0)} KiB): later file ready after ${(performance.now() - began).toFixed(0)} ms, slowest /healthz ${health.worst().toFixed(0)} ms of ${health.answers()}`,
    );
    assert.ok(health.worst() < WORST_MS * BUSY, `${what}: ${health.worst()} ms`);
  }
  assert.equal(server.pid(), pid);
  assert.ok(condition(await server.filter("good"), "Ready").startsWith("True"));
});

test("an object that a tenant nests deeply in a cluster is refused, and the operator goes on", async (t) => {
  const cluster = await startCluster({ users: ["tenant-b"] });
  t.after(() => cluster.stop());
  const { kubeconfig } = cluster;
  await installCrds(cluster);
  await kubectl(["create", "namespace", "tenant-b"], { kubeconfig });
  const folder = await createTempFolder("attack-objects-kube");
  t.after(() => folder.remove());
  const server = await startWeir({ source: ["--kubeconfig", kubeconfig], data: join(folder.path, "data") });
  t.after(() => server.stop());
  const health = watchHealth(server.url);
  const pid = server.pid();
  for (const depth of [120, 3_000, 9_000]) {
    const name = `deep-${depth}`;
    const input = object(name, { image: "localhost:1/x:1", config: 0 }, "tenant-b").replace('"config":0', `"config":${nested(depth)}`);
    const created = await kubectl(["create", "--validate=false", "-f", "-"], { kubeconfig, input }).catch((error: Error) => error.message);
    if (!created.includes("created")) {
      t.diagnostic(`${depth} levels: the API server refuses them itself`);
      continue;
    }
    const refused = await server.until("a refusal", name, (filter) => condition(filter, "Accepted") === "False InvalidSpec");
    assert.match(JSON.stringify(refused.status), /nested deeper than 100 levels/);
    t.diagnostic(`${depth} levels, ${input.length} bytes: InvalidSpec`);
  }
  assert.equal(server.pid(), pid);
  await server.kill();
  await server.start();
  await server.until("the refusal after a restart", "deep-120", (filter) => condition(filter, "Accepted") === "False InvalidSpec");
  await health.stop();
  t.diagnostic(`slowest /healthz ${health.worst().toFixed(0)} ms of ${health.answers()}`);
});

test("a spec that an uncaught error ended the server over twice is set aside; its last good revision is served", async (t) => {
  const env = { NODE_OPTIONS: `--import=${HOOKS}` };
  const { server, started, put, ready, folder } = await scene(t, { env });
  for (const name of ["late", "abort", "parse"]) await put(`${name}.json`, object(name, {}));
  for (const name of ["late", "abort", "parse"]) await ready(name);
  const proxy = () => startDeltaProxy(server.xdsPort, { id: "web-1", namespace: "shop", filterChain: true, names: ["weir/default"] });
  const served = async () => {
    const web = proxy();
    await eventually("the chain", () => web.held()["weir/default"] !== undefined);
    const version = web.held()["weir/default"];
    web.close();
    return version;
  };
  const whole = await served();

  // The parser throws: that object's alone.
  const pid = server.pid();
  await put("parse.json", object("parse", { config: { fault: 1 } }));
  const refused = await server.until("a refusal", "parse", (filter) => condition(filter, "Accepted") === "False InvalidSpec");
  assert.match(JSON.stringify(refused.status), /an error in the parser/);
  assert.equal(server.pid(), pid);

  // A second server on the folder is told who has it.
  const second = await weir([
    "serve",
    ...started.source,
    "--data",
    started.data,
    "--xds-address",
    "127.0.0.1:0",
    "--http-address",
    "127.0.0.1:0",
  ]).catch(String);
  assert.match(second, new RegExp(`in use by another weir serve \\(process ${pid}\\)`));

  for (const [name, code, signal] of [
    ["late", 70, null],
    ["abort", null, "SIGABRT"],
  ] as const) {
    await put(`${name}.json`, object(name, { config: { fault: 1 } }));
    assert.deepEqual(await server.exited(), { code, signal }, server.logs().slice(-2_000));
    if (name === "late")
      assert.match(server.logs(), /fatal: an error that nothing caught ends the server.*filter=shop\/late.*an error out of band/s);
    await server.start().catch(() => {});
    assert.deepEqual(await server.exited(), { code, signal }, "the second end");
    await server.start();
    const aside = await server.until("set aside", name, (filter) => condition(filter, "Accepted") === "False SetAside");
    assert.match(JSON.stringify(aside.status?.conditions), /2 times within a day; it is not tried again; change the spec/);
    assert.equal(aside.status?.stableRevision, 1);
    assert.equal(await served(), whole, "the last good revision is served");
  }
  await put("later.json", object("later", { slot: "other" }));
  await ready("later");
  const web = proxy();
  t.after(() => web.close());
  await put("late.json", object("late", { config: { mended: 1 } }));
  await server.until(
    "the changed spec is tried",
    "late",
    (filter) => condition(filter, "Ready").startsWith("True") && filter.status?.revision === 2,
  );
  t.diagnostic(`journal: ${await readFile(join(folder, "data/crashes.json"), "utf8")}`);
});
