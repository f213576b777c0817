import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { Agent, createServer, request } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parse, parseAllDocuments, stringify } from "yaml";
import { pushModule } from "../oci/index.ts";
import { type EnvoyVersion, installEnvoy, installEnvoyVersion } from "../scripts/tools/envoy.ts";
import { startEchoApp } from "./support/echo-app.ts";
import { configOf, startInjectedEnvoy } from "./support/injected-envoy.ts";
import { eventually, startProcess } from "./support/process.ts";
import { soon } from "./support/soon.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { get } from "./support/traffic.ts";
import { headerFilter } from "./support/wat.ts";
import { startWeir, weir } from "./support/weir.ts";

const IMAGE = ["--proxy-image", "r.example/envoy:1"];
const TOKEN = "token-aaaaaaaaaaaaaaaaaaaaaaaa";

/** `weir inject` of one pod. */
async function injected(folder: string, pod: object, flags: readonly string[]) {
  await writeFile(join(folder, "pod.yaml"), stringify({ apiVersion: "v1", kind: "Pod", ...pod }));
  const text = await weir(["inject", "-f", "pod.yaml", ...IMAGE, ...flags], { cwd: folder });
  return parseAllDocuments(text).map((document) => document.toJS())[0];
}

/** A server with a filter, and its authority's certificate. */
async function startWorld(t: TestContext) {
  const { path: folder, remove } = await createTempFolder("inject");
  t.after(remove);
  await mkdir(join(folder, "filters"));
  await writeFile(join(folder, "tokens.yaml"), stringify([{ token: TOKEN, namespace: "shop" }]));
  const image = "oci-layout:images:1";
  const module = await headerFilter({ name: "x-weir", value: "one" });
  assert.ok((await pushModule(image, module, { keychain: new Map(), layoutBase: folder })).ok);
  const metadata = { name: "mark", namespace: "shop" };
  await writeFile(
    join(folder, "filters/mark.json"),
    JSON.stringify({ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata, spec: { image } }),
  );
  const server = await startWeir({
    source: ["--filters", "filters"],
    data: "data",
    cwd: folder,
    flags: ["--xds-tls", "auto", "--token-auth-file", "tokens.yaml"],
  });
  t.after(server.stop);
  return { folder, server, flags: ["-n", "shop", "--xds", `localhost:${server.xdsPort}`, "--tls-ca", "data/private/ca/ca.crt"] };
}

/** GET of a path; the body is text. */
async function ask(port: number, path: string) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, headers: response.headers, body: await response.text() };
}

/** The path that the echo app is asked for. `path` is sent as it is. */
function pathAtApp(port: number, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, agent: false }, (response) => resolve(response.resume().headers["x-path"]));
    sent.on("error", reject).end();
  });
}

/** An app that tells what it was asked for, and by which name. */
async function startApp(t: TestContext): Promise<{ port: number; stop(): void }> {
  const server = createServer(({ url, headers }, response) => void response.end(JSON.stringify({ url, host: headers.host })));
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  t.after(stop);
  return { port: (server.address() as AddressInfo).port, stop };
}

/** Envoy looks for the files that a bootstrap names, so they are made, and named where they are. */
async function writeConfig(folder: string, pod: Parameters<typeof configOf>[0]): Promise<string> {
  for (const name of ["sds-ca.yaml", "sds-token.yaml"])
    await writeFile(join(folder, name), pod.metadata.annotations[`weir.dev/${name}`] ?? "");
  const config = join(folder, "envoy.yaml");
  await writeFile(config, configOf(pod, "10.0.0.1").replaceAll("/etc/weir", folder));
  return config;
}

/** Beside the one that tests run on: the oldest that has slots. */
const VERSIONS: readonly EnvoyVersion[] = ["1.39.3"];

async function assertValid(config: string, what: string): Promise<void> {
  for (const binary of [await installEnvoy(), ...(await Promise.all(VERSIONS.map(installEnvoyVersion)))]) {
    const args = ["--mode", "validate", "--config-path", config, "--log-level", "error", "--service-node", "web-1"];
    const validation = await startProcess(binary, args, { name: "envoy" });
    const { code } = await validation.exited;
    assert.ok(code === 0 && !/deprecated/i.test(validation.logs()), `${what}: ${validation.logs()}`);
  }
}

test("Envoy accepts the bootstrap of every kind of pod, the oldest with slots too", async (t) => {
  const { path: folder, remove } = await createTempFolder("inject");
  t.after(remove);
  const authority = await weir(["identity", "issue", "--node", "n", "--namespace", "n", "--data", "data", "--out", "out"], { cwd: folder });
  assert.match(authority, /ca\.crt/);
  const app = (ports: object[], more: object = {}) => ({ containers: [{ name: "app", image: "a", ports, ...more }] });
  const everything = {
    startupProbe: { grpc: { port: 9000 } },
    readinessProbe: { httpGet: { port: 8080, path: '/odd"\\?a=$(HOME)&b={c}' } },
    livenessProbe: { tcpSocket: { port: 9001 } },
  };
  const http = (containerPort: number) => ({ containerPort, name: `http-${containerPort}` });
  const pods: Record<string, { spec: object; annotations?: object; flags?: string[] }> = {
    "one port": { spec: app([http(8080)]) },
    "ports of every kind": { spec: app([http(8080), http(8081), { containerPort: 9000 }, { containerPort: 9001 }], everything) },
    "one looked at, one not": { spec: app([http(8080), { containerPort: 9000 }]) },
    "looked at only": { spec: app([{ containerPort: 9000 }]) },
    "both families": { spec: app([http(8080), { containerPort: 9000 }], everything), flags: ["--ipv6"] },
    "mapped, several slots": { spec: app([]), annotations: { "weir.dev/ports": "8080=15080,8081=15081", "weir.dev/slots": "a,b" } },
  };
  for (const [name, { spec, annotations, flags = [] }] of Object.entries(pods)) {
    const pod = await injected(folder, { metadata: { name: "web", labels: { app: "web" }, annotations }, spec }, [
      ...["--tls-ca", "out/ca.crt"],
      ...flags,
    ]);
    const config = await writeConfig(folder, pod);
    await assertValid(config, name);
  }
  const { data } = parse(
    await weir(["bootstrap", "--in-cluster", "--tls-ca", "out/ca.crt", "--slot", "edge", "--slot", "app"], { cwd: folder }),
  );
  for (const [name, text] of Object.entries<string>(data)) await writeFile(join(folder, name), text.replaceAll("/etc/weir", folder));
  await assertValid(join(folder, "envoy.yaml"), "a gateway");
});

test("a pod with mapped ports, as `weir inject` makes it: its requests have the header, its other port does not, and it is ready when its filters are there", async (t) => {
  const { folder, server, flags } = await startWorld(t);
  const app = await startEchoApp();
  t.after(app.stop);
  const annotations = { "weir.dev/ports": `${app.port}=15080` };
  const pod = await injected(
    folder,
    { metadata: { name: "web-1", namespace: "shop", annotations }, spec: { containers: [{ name: "app", image: "a" }] } },
    flags,
  );
  await server.stop();
  const envoy = await startInjectedEnvoy(t, pod, { token: TOKEN });
  // Weir is away: it does not listen, so the pod is not ready and its app not started.
  assert.match(await envoy.get("/server_info"), /"state": "(PRE_)?INITIALIZING"/);
  const port = await envoy.port(`inbound-${app.port}`);
  assert.equal((await get(port)).status, 0);
  await server.start();
  await envoy.ready();
  await soon(async () => (await get(port)).headers["x-weir"], "one");
  assert.equal((await get(app.port)).headers["x-weir"], undefined);
  for (const path of ["//api", "/x/../api", "/%61pi", "/x%2F..%2Fapi", "/%5capi"])
    assert.equal(await pathAtApp(port, path), "/api", `${path} is written to be taken for another`);
  assert.equal((await ask(await envoy.port("ready"), "/ready")).status, 200);
  const { path } = pod.spec.initContainers[0].lifecycle.preStop.httpGet;
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  assert.notEqual((await get(port, {}, agent)).headers.connection, "close");
  assert.equal((await ask(await envoy.port("ready"), path)).status, 200);
  const last = await get(port, {}, agent);
  assert.deepEqual(
    [last.status, last.headers.connection, last.headers["x-weir"]],
    [200, "close", "one"],
    "its pod ends: clients are sent elsewhere",
  );
  const views = await fetch(`${server.url}/api/v1/proxies`);
  assert.equal(views.status, 401, "the API asks for a token too");
  await server.stop();
  assert.equal((await get(port)).headers["x-weir"], "one", "the filter stays while Weir is away");
});

test("the kubelet's checks reach the app beside the filters, by their paths and nothing else", async (t) => {
  const { folder, flags } = await startWorld(t);
  const app = await startApp(t);
  const containers = [
    {
      ...{ name: "app", image: "a", ports: [{ containerPort: app.port, name: "http" }] },
      readinessProbe: { httpGet: { port: "http", path: "/healthz?full=1" } },
      livenessProbe: { tcpSocket: { port: "http" } },
    },
  ];
  const envoy = await startInjectedEnvoy(
    t,
    await injected(folder, { metadata: { name: "web-1", namespace: "shop" }, spec: { containers } }, flags),
    {
      token: TOKEN,
    },
  );
  await envoy.ready();
  const port = await envoy.port("ready");
  const { status, headers, body } = await ask(port, "/probes/app/readinessProbe");
  assert.deepEqual([status, headers.get("x-weir")], [200, null]);
  assert.deepEqual(JSON.parse(body), { url: "/healthz?full=1", host: `127.0.0.1:${app.port}` }, "what the app sees without a proxy");
  await soon(async () => (await ask(port, "/probes/app/livenessProbe")).status, 200);
  for (const path of ["/", "/healthz", "/probes/app/readinessProbe/more", "/stats", "/quitquitquit"])
    assert.equal((await ask(port, path)).status, 404);
  // Nobody turned this connection: it leads nowhere.
  const inbound = connect({ host: "127.0.0.1", port: await envoy.port("inbound") });
  await eventually("its end", async () => inbound.closed, 5_000);
  app.stop();
  await soon(async () => (await ask(port, "/probes/app/livenessProbe")).status, 503);
});
