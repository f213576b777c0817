import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { buildExamples, type Examples } from "../scripts/build-examples.ts";
import { type Cluster, installCrds, kubectl, startCluster } from "./support/cluster.ts";
import { type EchoApp, startEchoApp } from "./support/echo-app.ts";
import { type Envoy, startEnvoy } from "./support/envoy.ts";
import { eventually } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { get, startTraffic, type Traffic } from "./support/traffic.ts";
import { condition, startWeir, type Weir, weir } from "./support/weir.ts";

const AUTH = { username: "robot", password: "s3cret-of-the-registry" };

interface World {
  readonly folder: string;
  readonly cluster: Cluster;
  readonly registry: Registry;
  readonly examples: Examples;
  readonly app: EchoApp;
  readonly server: Weir;
  readonly envoy: Envoy;
  readonly port: number;
  traffic: Traffic | undefined;
  image: string;
  readonly digests: string[];
}

let world: World;
const open: (() => Promise<unknown>)[] = [];

const run = (...args: string[]) => kubectl(args, { kubeconfig: world.cluster.kubeconfig });

before(async () => {
  const folder = await createTempFolder("kubernetes");
  open.push(folder.remove);
  const [cluster, examples] = await Promise.all([startCluster(), buildExamples()]);
  open.push(cluster.stop);
  const registry = await startRegistry({ auth: AUTH });
  open.push(registry.stop);
  const auth = Buffer.from(`${AUTH.username}:${AUTH.password}`).toString("base64");
  await mkdir(join(folder.path, "docker"));
  await writeFile(join(folder.path, "docker", "config.json"), JSON.stringify({ auths: { [registry.host]: { auth } } }));
  await installCrds(cluster);
  await kubectl(["create", "namespace", "shop"], { kubeconfig: cluster.kubeconfig });
  const login = [`--docker-server=${registry.host}`, `--docker-username=${AUTH.username}`, `--docker-password=${AUTH.password}`];
  await kubectl(["-n", "shop", "create", "secret", "docker-registry", "regcred", ...login], { kubeconfig: cluster.kubeconfig });
  const server = await startWeir({
    source: ["--kubeconfig", cluster.kubeconfig],
    data: join(folder.path, "data"),
    flags: ["--allow-address", "127.0.0.1"],
  });
  open.push(server.stop);
  const app = await startEchoApp();
  open.push(app.stop);
  const who = ["--node", "web-1", "--namespace", "shop", "--label", "app=web"];
  const where = ["--xds", `127.0.0.1:${server.xdsPort}`, "--listen", "127.0.0.1:0", "--upstream", `127.0.0.1:${app.port}`];
  const envoy = await startEnvoy({ config: await weir(["bootstrap", ...who, ...where]), log: "warning" });
  open.push(envoy.stop);
  const port = await envoy.port();
  const image = `${registry.host}/filters/add-header:1`;
  world = { folder: folder.path, cluster, registry, examples, app, server, envoy, port, traffic: undefined, image, digests: [] };
});

after(async () => {
  await world?.traffic?.stop();
  for (const close of open.reverse()) await close();
});

async function push(file: string, image: string): Promise<string> {
  const env = { DOCKER_CONFIG: join(world.folder, "docker") };
  const pushed = JSON.parse(await weir(["push", file, image, "-o", "json"], { env })) as { digest: string };
  world.digests.push(pushed.digest);
  return pushed.digest;
}

const headerIs = (value: string | undefined) =>
  eventually(`x-weir: ${value}`, async () => (await get(world.port)).headers["x-weir"] === value, 60_000);

const manifest = (image: string) => `apiVersion: weir.dev/v1alpha1
kind: WasmFilter
metadata: {name: add-header, namespace: shop}
spec:
  image: ${image}
  pullPolicy: Always
  interval: 1s
  pullSecrets: [{name: regcred}]
  selector: {matchLabels: {app: web}}
  rollout: {steps: [{percent: 100}]}  # not watched: a change is stable at once
`;

test("kubectl apply puts the filter into the proxy and kubectl shows which digest runs where", { timeout: 120_000 }, async () => {
  const digest = await push(world.examples.addHeaderGo.v1, world.image);
  await writeFile(join(world.folder, "filter.yaml"), manifest(world.image));
  await run("apply", "-f", join(world.folder, "filter.yaml"));
  await headerIs("v1");
  const filter = await world.server.until("Ready", "add-header", (found) => condition(found, "Ready") === "True Ready");
  assert.equal(filter.status?.digest, digest);
  assert.deepEqual(filter.status?.proxies, { matched: 1, updated: 1, rejected: 0, pending: 0 });
  await run("-n", "shop", "wait", "--for=condition=Ready", "wf/add-header", "--timeout=30s");
  const table = await run("-n", "shop", "get", "wf");
  assert.match(table, /NAME\s+IMAGE\s+DIGEST\s+REVISION\s+PROXIES\s+READY\s+AGE/);
  assert.ok(table.includes(digest.slice(7, 19)) && /\s1\/1\s+True/.test(table), table);
  const described = await run("-n", "shop", "describe", "wf", "add-header");
  assert.match(described, /Reason:\s+Ready/);
  assert.match(described, /Validated/);
  assert.match(await run("explain", "wf.spec"), /image/);
  const stored = JSON.parse(await run("-n", "shop", "get", "controllerrevisions", "-o", "json")) as { items: unknown[] };
  assert.equal(stored.items.length, 1);
  world.traffic = startTraffic({ port: world.port, clients: 2, pauseMs: 2, filtered: ({ headers }) => headers["x-weir"] !== undefined });
});

test("a tag that moves is followed to one digest for the fleet", { timeout: 120_000 }, async () => {
  const digest = await push(world.examples.addHeaderGo.v2, world.image);
  await headerIs("v2");
  await world.server.until("revision 2 stable", "add-header", ({ status }) => status?.digest === digest && status.stableRevision === 2);
});

test("a module that cannot load changes nothing and the status names the missing import", { timeout: 120_000 }, async () => {
  const env = { DOCKER_CONFIG: join(world.folder, "docker") };
  await weir(["push", world.examples.missingImport, world.image, "--force"], { env });
  const refused = await world.server.until("a refusal", "add-header", (filter) => /^False/.test(condition(filter, "Validated")));
  const message = refused.status?.conditions?.find(({ type }) => type === "Validated")?.message;
  assert.match(message ?? "", /proxy_open_the_pod_bay_doors/);
  assert.equal(refused.status?.digest, world.digests[1]);
  await headerIs("v2");
  const events = await run("-n", "shop", "get", "events", "-o", "jsonpath={.items[*].reason}");
  assert.match(events, /Validated/);
  assert.match(events, /MissingImport|Refused/i);
});

test("with the registry gone, kubectl patch rolls back by digest", { timeout: 120_000 }, async (t) => {
  await world.registry.stop();
  const started = performance.now();
  const patch = JSON.stringify({ spec: { digest: world.digests[0] } });
  await run("-n", "shop", "patch", "wf", "add-header", "--type", "merge", "-p", patch);
  await headerIs("v1");
  t.diagnostic(
    `rollback by digest with the registry gone: ${(performance.now() - started).toFixed(0)} ms from kubectl's start to the old header`,
  );
  const filter = await world.server.until("Ready", "add-header", (found) => condition(found, "Ready") === "True Ready");
  assert.equal(filter.status?.digest, world.digests[0]);
  assert.deepEqual(
    filter.status?.history?.map(({ revision, digest, result }) => [revision, digest, result]),
    [
      [2, world.digests[1], "Succeeded"],
      [1, world.digests[0], "Succeeded"],
    ],
  );
});

test("an operator that is killed and started again changes no request and sends no module again", { timeout: 120_000 }, async (t) => {
  const received = async () =>
    Number(/rx_bytes_total: (\d+)/.exec(await world.envoy.get("/stats?filter=cluster.weir_xds.upstream_cx_rx_bytes_total"))?.[1]);
  const before = await received();
  await world.server.kill();
  await world.traffic?.more(200);
  await world.server.start();
  await eventually(
    "the proxy to be back",
    async () => {
      const [proxy] = await world.server.proxies();
      return proxy?.connected === true && proxy.slots[0]?.filters[0]?.state === "updated";
    },
    60_000,
  );
  await world.server.until("Ready", "add-header", (found) => condition(found, "Ready") === "True Ready");
  await world.traffic?.more(200);
  const bytes = (await received()) - before;
  t.diagnostic(`bytes sent to the proxy by the restarted operator: ${bytes} (the module has about 3,000,000)`);
  assert.ok(bytes < 10_000, `${bytes} bytes were sent again`);
  await headerIs("v1");
});

test("no request failed and none went unfiltered through all of it", async (t) => {
  const totals = await world.traffic?.stop();
  world.traffic = undefined;
  t.diagnostic(`requests: ${totals?.sent}, failed: ${totals?.failed}, unfiltered: ${totals?.unfiltered}`);
  assert.ok((totals?.sent ?? 0) > 1_000);
  assert.deepEqual(
    { failed: totals?.failed, unfiltered: totals?.unfiltered, samples: totals?.samples },
    { failed: 0, unfiltered: 0, samples: [] },
  );
});
