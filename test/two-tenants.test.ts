import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { median } from "../bench/processes.ts";
import { pushModule } from "../oci/index.ts";
import { type Cluster, installCrds, kubectl, startCluster } from "./support/cluster.ts";
import { startEchoApp } from "./support/echo-app.ts";
import { startEnvoy } from "./support/envoy.ts";
import { watchHealth } from "./support/health.ts";
import { createKubeClient, type KubeClient } from "./support/hostile/kube.ts";
import { unique } from "./support/hostile/modules.ts";
import type { Orders } from "./support/hostile/orders.ts";
import { eventually, startProcess } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { get, startTraffic, type Traffic } from "./support/traffic.ts";
import { headerFilter } from "./support/wat.ts";
import { condition, startWeir, type Weir, weir } from "./support/weir.ts";

/** How long the hostile tenant attacks; `npm run test:soak` has it do so for five minutes. */
const ATTACK_MS = Number(process.env.WEIR_ATTACK_MS ?? 60_000);
const HOSTILE = fileURLToPath(new URL("support/hostile/main.ts", import.meta.url));
const PROXIES = 4;
/** Rollouts of the honest tenant before the attack. */
const BEFORE = 6;
const FILTER = "honest";
const COLLECTION = "/apis/weir.dev/v1alpha1/namespaces/shop/wasmfilters";
/**
 * How much slower a rollout may be under attack, in the median. The aim is twice; on two cores, which the attacker and the API server that it keeps busy share, 1.9 to
 * 2.1 was measured.
 */
const MAX_RATIO = 3;
/** Memory of the server that all attacks together may take, in MiB; each alone may take 256. */
const MAX_MEMORY = 512;
const RBAC = ["create", "rolebinding", "all", "--clusterrole=admin-of-filters", "--user=mallory"];

interface Proxy {
  readonly traffic: Traffic;
  /** `x-weir` of the last answer. */
  seen: string | undefined;
}

test("a hostile tenant neither stops the server, nor fails a request of another, nor holds up its rollouts", {
  timeout: ATTACK_MS + 180_000,
}, async (t) => {
  const folder = await createTempFolder("tenants");
  t.after(() => folder.remove());
  const cluster = await startCluster({ users: ["mallory"] });
  t.after(cluster.stop);
  const registry = await startRegistry();
  t.after(registry.stop);
  await prepare(cluster);
  const data = join(folder.path, "data");
  const flags = ["--xds-tls", "auto", "--allow-address", "127.0.0.1"];
  const server = await startWeir({ source: ["--kubeconfig", cluster.kubeconfig], data, flags });
  t.after(server.stop);
  const proxies = await startProxies(t, server, data);
  const kube = await createKubeClient(cluster.kubeconfig);
  const honest = { server, registry, kube, proxies };
  await rollOut(honest, 0);
  await server.until("Ready", FILTER, (filter) => condition(filter, "Ready") === "True Ready");
  const pid = server.pid();

  const before: number[] = [];
  for (let number = 1; number <= BEFORE; number += 1) before.push(await rollOut(honest, number));

  const orders: Orders = {
    ...{ kubeconfig: await cluster.kubeconfigFor("mallory"), namespace: "evil", registry: registry.host },
    ...{ xdsPort: server.xdsPort, httpPort: Number(new URL(server.url).port), victim: { namespace: "shop", node: "web-0" } },
    tls: await credentials(await identity(data, "evil", "evil-1")),
  };
  await writeFile(join(folder.path, "orders.json"), JSON.stringify(orders));
  const memoryBefore = await residentMiB(pid);
  const hostile = await startProcess(process.execPath, [
    "--disable-warning=ExperimentalWarning",
    HOSTILE,
    join(folder.path, "orders.json"),
  ]);
  t.after(() => hostile.stop());
  await hostile.waitFor("the attack to begin", (logs) => logs.includes("hostile modules"), 60_000);
  const health = watchHealth(server.url, 50);
  const during: number[] = [];
  let peak = 0;
  const end = performance.now() + ATTACK_MS;
  for (let number = BEFORE + 1; performance.now() < end; number += 1) {
    during.push(await rollOut(honest, number));
    peak = Math.max(peak, await residentMiB(pid));
  }
  const told =
    hostile
      .logs()
      .trim()
      .split("\n")
      .findLast((line) => line.startsWith("{")) ?? "{}";
  await hostile.stop();
  await health.stop();
  // A machine that became slower meanwhile is as slow after it.
  const after: number[] = [];
  for (let number = 1; number <= BEFORE; number += 1) after.push(await rollOut(honest, BEFORE + during.length + number));

  const totals = await Promise.all(proxies.map(({ traffic }) => traffic.stop()));
  const [sent, failed, unfiltered] = (["sent", "failed", "unfiltered"] as const).map((what) =>
    totals.reduce((sum, total) => sum + total[what], 0),
  );
  const ratio = median(during) / Math.max(median(before), median(after));
  t.diagnostic(`attacks: ${told}`);
  t.diagnostic(`${sent} requests, ${failed} failed, ${unfiltered} unfiltered`);
  t.diagnostic(
    `a rollout to ${PROXIES} proxies: ${ms(before)} before, ${ms(during)} under attack (${during.length} of them), ${ms(after)} after it, ratio ${ratio.toFixed(2)}`,
  );
  t.diagnostic(
    `/healthz: longest ${Math.round(health.worst())} ms, ${health.failures()} failed; memory ${Math.round(memoryBefore)} MiB before, at most ${Math.round(peak)} under attack`,
  );
  assert.equal(server.pid(), pid);
  assert.ok((await fetch(`${server.url}/healthz`)).ok, "it is the same process still");
  process.kill(pid, 0);
  assert.deepEqual(
    { failed, unfiltered, unhealthy: health.failures() },
    { failed: 0, unfiltered: 0, unhealthy: 0 },
    totals.flatMap(({ samples }) => samples).join("\n"),
  );
  assert.ok(ratio <= MAX_RATIO, `rollouts took ${ratio.toFixed(2)} times as long`);
  assert.ok(peak - memoryBefore <= MAX_MEMORY, `${Math.round(peak - memoryBefore)} MiB more`);
});

async function prepare({ kubeconfig }: Cluster): Promise<void> {
  const run = (...args: string[]) => kubectl(args, { kubeconfig });
  await installCrds({ kubeconfig });
  for (const namespace of ["shop", "evil"]) await run("create", "namespace", namespace);
  await run("create", "clusterrole", "admin-of-filters", "--verb=*", "--resource=wasmfilters.weir.dev,secrets,configmaps");
  await run("-n", "evil", ...RBAC);
}

/** The folder with a proxy's certificate, key and authority. */
async function identity(data: string, namespace: string, node: string): Promise<string> {
  const out = join(data, "..", node);
  await weir(["identity", "issue", "--node", node, "--namespace", namespace, "--data", data, "--out", out]);
  return out;
}

async function credentials(folder: string): Promise<{ ca: string; cert: string; key: string }> {
  const [ca = "", cert = "", key = ""] = await Promise.all(
    ["ca.crt", "tls.crt", "tls.key"].map((name) => readFile(join(folder, name), "utf8")),
  );
  return { ca, cert, key };
}

async function startProxies(t: TestContext, server: Weir, data: string): Promise<Proxy[]> {
  const app = await startEchoApp();
  t.after(app.stop);
  return Promise.all(
    Array.from({ length: PROXIES }, async (_, index) => {
      const node = `web-${index}`;
      const folder = await identity(data, "shop", node);
      const files = ["--tls-ca", join(folder, "ca.crt"), "--tls-cert", join(folder, "tls.crt"), "--tls-key", join(folder, "tls.key")];
      const who = ["--node", node, "--namespace", "shop", ...files, "--out", folder];
      const where = ["--xds", `127.0.0.1:${server.xdsPort}`, "--listen", "127.0.0.1:0", "--upstream", `127.0.0.1:${app.port}`];
      await weir(["bootstrap", ...who, ...where]);
      const envoy = await startEnvoy({ config: await readFile(join(folder, "envoy.yaml"), "utf8"), log: "warning" });
      t.after(() => envoy.stop());
      const port = await envoy.port();
      await eventually("an answer", async () => (await get(port)).status === 200);
      const proxy: { traffic?: Traffic; seen: string | undefined } = { seen: undefined };
      let hasFilter = false;
      const filtered = (value: unknown) => {
        hasFilter ||= value !== undefined;
        return value !== undefined || !hasFilter;
      };
      proxy.traffic = startTraffic({
        ...{ port, clients: 1, pauseMs: 5 },
        filtered: ({ headers }) => filtered(headers["x-weir"]),
        onAnswer: ({ headers }) => {
          proxy.seen = headers["x-weir"]?.toString();
        },
      });
      t.after(() => proxy.traffic?.stop());
      return proxy as Proxy;
    }),
  );
}

interface Honest {
  readonly server: Weir;
  readonly registry: Registry;
  readonly kube: KubeClient;
  readonly proxies: readonly Proxy[];
}

/** A module that was never seen before, from `apply` to the answers of every proxy: milliseconds. */
async function rollOut({ registry, kube, proxies }: Honest, number: number): Promise<number> {
  const module = Buffer.concat([await headerFilter({ name: "x-weir", value: `v${number}` }), unique(Date.now())]);
  const image = `${registry.host}/shop/header:${number}`;
  const pushed = await pushModule(image, module, { keychain: new Map(), plainHttp: [registry.host] });
  if (!pushed.ok) throw new Error(pushed.error.message);
  const start = performance.now();
  const filter = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: FILTER, namespace: "shop" }, spec: { image } };
  const path = `${COLLECTION}/${FILTER}?fieldManager=test&force=true`;
  const status = await kube("PATCH", path, filter);
  assert.ok(status === 200 || status === 201, `the API server answered ${status}`);
  await eventually(`v${number} everywhere`, async () => proxies.every(({ seen }) => seen === `v${number}`), 60_000);
  return performance.now() - start;
}

async function residentMiB(pid: number): Promise<number> {
  return Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
}

function ms(values: readonly number[]): string {
  return `${Math.round(median(values))} ms (longest ${Math.round(Math.max(...values))})`;
}
