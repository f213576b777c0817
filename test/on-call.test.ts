import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pushModule } from "../oci/index.ts";
import { type Alert, readAlerts, readDashboardQueries } from "./support/alerts.ts";
import { localBootstrap } from "./support/bootstrap.ts";
import { type EchoApp, startEchoApp } from "./support/echo-app.ts";
import { type Envoy, startEnvoy } from "./support/envoy.ts";
import { type Fault, faultyFilter } from "./support/faulty.ts";
import { reservePort } from "./support/ports.ts";
import { eventually } from "./support/process.ts";
import { type Prometheus, rulesAtOnce, startPrometheus } from "./support/prometheus.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { get } from "./support/traffic.ts";
import { startWeir, type Weir } from "./support/weir.ts";

const TIMEOUT = { timeout: 120_000 };

let alerts: readonly Alert[];
let queries: readonly string[];
let folder: { readonly path: string; remove(): Promise<void> };
let registry: Registry;
let app: EchoApp;
let weir: Weir;
let second: Weir | undefined;
let envoy: Envoy;
let prometheus: Prometheus;
let secondPort: number;

/** Asks for a filter with a module of this fault. */
async function release(name: string, tag: string, fault: Fault = "good"): Promise<void> {
  const image = `${registry.host}/filters/${name}:${tag}`;
  const pushed = await pushModule(image, await faultyFilter(fault, tag), { keychain: new Map() });
  if (!pushed.ok) throw new Error(pushed.error.message);
  await ask(name, image);
}

async function ask(name: string, image: string): Promise<void> {
  const rollout = { steps: [{ percent: 100 }] };
  const manifest = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name, namespace: "shop" }, spec: { image, rollout } };
  await writeFile(join(folder.path, "filters", `${name}.yaml`), JSON.stringify(manifest));
}

/** Those of these queries that find nothing now. */
async function emptyOf(expressions: readonly string[]): Promise<readonly string[]> {
  const empty: string[] = [];
  for (const expression of expressions) if ((await prometheus.query(expression)).length === 0) empty.push(expression);
  return empty;
}

before(async () => {
  [alerts, queries] = await Promise.all([readAlerts(), readDashboardQueries()]);
  folder = await createTempFolder("on-call");
  await mkdir(join(folder.path, "filters"));
  await mkdir(join(folder.path, "none"));
  [registry, app] = await Promise.all([startRegistry(), startEchoApp()]);
  weir = await startWeir({ source: ["--filters", join(folder.path, "filters")], data: join(folder.path, "data") });
  secondPort = await reservePort();
  const targets = [weir.url.replace("http://", ""), `127.0.0.1:${secondPort}`];
  prometheus = await startPrometheus({ targets, rules: await rulesAtOnce() });
  await release("good", "one");
  const config = localBootstrap({ node: "edge-1", namespace: "shop", xdsPort: weir.xdsPort, appPort: app.port });
  envoy = await startEnvoy({ config, log: "warning", concurrency: 1 });
  await weir.until("it to run", "good", ({ status }) => status?.proxies?.updated === 1);
});

after(async () => {
  for (const stop of [prometheus?.stop, envoy?.stop, second?.stop, weir?.stop, registry?.stop, app?.stop, folder?.remove]) await stop?.();
});

test("nothing fires where all is well", TIMEOUT, async () => {
  await eventually("two looks", async () => (await prometheus.query("changes(weir_nodejs_gc_duration_seconds_count[1m]) >= 0")).length > 0);
  await eventually("quiet", async () => (await prometheus.firing()).length === 0);
  assert.deepEqual(await prometheus.firing(), []);
  assert.ok(alerts.length >= 20);
});

test("a module that Envoy refuses is told", TIMEOUT, async () => {
  await release("good", "two", "refusesOnProxy");
  await prometheus.fires("WeirProxiesReject", "WeirRolloutFailed");
  // It loops when it is asked to, which is later.
  await release("good", "three", "loops");
  await weir.until("the next to run", "good", ({ status }) => status?.rollout?.state === "Succeeded" && status?.proxies?.updated === 1);
  await eventually("the rollout to be well", async () => !(await prometheus.firing()).includes("WeirRolloutFailed"));
});

test("a module that cannot ship is told, and a client that is no proxy", TIMEOUT, async () => {
  await release("broken", "one", "junk");
  const calls = Array.from({ length: 50 }, () => get(weir.xdsPort));
  await Promise.all(calls);
  await prometheus.fires("WeirFilterStalled");
  // A rate needs to see the counter before and after.
  await Promise.all(Array.from({ length: 50 }, () => get(weir.xdsPort)));
  await prometheus.fires("WeirClientsRefused");
});

test("two servers that decide are told", TIMEOUT, async () => {
  second = await startWeir({
    source: ["--filters", join(folder.path, "none")],
    data: join(folder.path, "data-2"),
    flags: ["--xds-tls", "auto", "--health-address", `127.0.0.1:${secondPort}`],
  });
  await prometheus.fires("WeirTwoDecide");
});

test("a registry that is away is told, and every query of alerts and dashboard finds what it asks for", TIMEOUT, async () => {
  await registry.stop();
  await ask("late", `${registry.host}/filters/late:one`);
  await prometheus.fires("WeirRegistryAway");
  // Grafana fills in its variables so.
  const asked = queries.map((query) => query.replaceAll(/\$__rate_interval|\$__range/g, "1m").replaceAll(/\$\w+/g, ".*"));
  const rules = alerts.map(({ expr }) => expr);
  for (const rule of rules) await prometheus.query(rule);
  const names = new Set([...asked, ...rules].flatMap((query) => query.match(/\bweir_\w+/g) ?? []));
  assert.deepEqual(await emptyOf([...names]), []);
  assert.ok(queries.length >= 15);
  assert.deepEqual(await emptyOf(asked), []);
});

test("a proxy that hangs is told, and that it is gone when its watchdog has ended it", TIMEOUT, async () => {
  const looping = get(await envoy.port(), { "x-loop": "1" });
  await prometheus.fires("WeirProxyHung");
  await prometheus.fires("WeirProxiesPending", "WeirProxiesLost");
  await looping;
});

test("a Weir that is gone is told", TIMEOUT, async () => {
  await second?.stop();
  await weir.kill();
  await prometheus.fires("WeirDown");
});
