import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { CONFIGURATION, webhookConfiguration } from "./support/injector.ts";
import { type Kubernetes, lacksForNode, NODE_ADDRESS, startKubernetes } from "./support/kubernetes/index.ts";
import { type Load, startLoad } from "./support/kubernetes/load.ts";
import { appContainer, appDeployment, appPod, appService, namespace } from "./support/kubernetes/pods.ts";
import { reservePort } from "./support/ports.ts";
import { eventually } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { assemble, headerFilter } from "./support/wat.ts";
import { weir as runWeir, startWeir, type Weir } from "./support/weir.ts";

/** Injected pods of a real kubelet, with a Weir that can be stopped: it runs beside the cluster, and is reached at its node's address. */
const CRDS = fileURLToPath(new URL("../crds/", import.meta.url));
const lacks = await lacksForNode();
const needsNode = { skip: lacks ?? false };
let cluster: Kubernetes;
let weir: Weir;
let registry: Registry;
let folder: { readonly path: string; remove(): Promise<void> };
let image: string;
let visits: Load;

before(async () => {
  if (lacks !== undefined) return;
  [cluster, registry, folder] = await Promise.all([startKubernetes({ images: ["envoy"] }), startRegistry(), createTempFolder("injection")]);
  image = await cluster.load.image("envoy");
  await cluster.kubectl(["apply", "-f", CRDS]);
  const port = await reservePort();
  await cluster.apply(
    webhookConfiguration(CONFIGURATION, `https://${NODE_ADDRESS}:${port}/inject`),
    namespace("weir-system"),
    namespace("shop", { "weir.dev/inject": "true" }),
  );
  await release("mark", await headerFilter({ name: "x-weir", value: "one" }));
  weir = await startWeir({
    source: ["--kubeconfig", cluster.kubeconfig],
    data: join(folder.path, "data"),
    flags: [
      ...["--xds-tls", "auto", "--xds-name", NODE_ADDRESS, "--key-store", "secret", "--own-namespace", "weir-system", "--token-review"],
      ...["--webhook-address", `127.0.0.1:${port}`, "--webhook-configuration", CONFIGURATION, "--proxy-image", image],
      // What brings the pods' connections to this machine changes their address.
      ...["--allow-address", "127.0.0.1", "--any-pod-address"],
    ],
  });
  await cluster.expose(port, port);
  await cluster.expose(weir.xdsPort, weir.xdsPort);
  await cluster.apply(namespace("visitors"));
});

after(async () => {
  await weir?.stop();
  await cluster?.stop();
  await registry?.stop();
  await folder?.remove();
});

/** Pushes a module, and has the proxies of `shop` (those of a label, where one is given) run it. */
async function release(name: string, module: Uint8Array, app?: string): Promise<void> {
  const file = join(folder.path, `${name}.wasm`);
  await writeFile(file, module);
  const reference = `${registry.host}/filters/${name}:1`;
  await runWeir(["push", file, reference]);
  const selector = app === undefined ? {} : { selector: { matchLabels: { app } } };
  const metadata = { name, namespace: "shop" };
  await cluster.apply({ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata, spec: { image: reference, ...selector } });
}

/** Waits until a pod is ready. Throws with what its Envoy and Weir say. */
async function ready(pod: string, where = "shop"): Promise<void> {
  await cluster.kubectl(["wait", "-n", where, "--for=condition=Ready", pod, "--timeout=45s"]).catch(async (error: Error) => {
    const status = await cluster.kubectl(["get", pod, "-n", where, "-o", "jsonpath={.status}"]).catch(String);
    const logs = await cluster.kubectl(["logs", "-n", where, pod, "-c", "weir-envoy", "--tail=20"]).catch(String);
    throw new Error(`${error.message}\n${status}\n${logs}\n${weir.logs().slice(-3_000)}`);
  });
}

const startVisits = (name: string) => startLoad(cluster, { name, namespace: "visitors", url: "http://web.shop/" });
/** Runs a command in the visitor's pod, which is not injected. */
const visitorRuns = (command: readonly string[]) => cluster.exec([visits.pod, "-n", "visitors", "-c", "open"], command);
const ask = (url: string) => visitorRuns(["/app", "get", url]);
const statusOf = async (pod: string) => (await cluster.get(["pod", pod, "-n", "shop"])).status;

interface ContainerStatus {
  readonly name: string;
  readonly restartCount: number;
  readonly state: {
    readonly running?: { startedAt: string };
    readonly terminated?: { startedAt: string; finishedAt: string; exitCode: number };
  };
}

function container(
  status: { containerStatuses?: ContainerStatus[]; initContainerStatuses?: ContainerStatus[] },
  name: string,
): ContainerStatus {
  const found = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])].find((one) => one.name === name);
  assert(found !== undefined, `${name} has no status`);
  return found;
}

test("no request is unfiltered from the first that is answered; Envoy is up before the app, and ends after it", needsNode, async (t) => {
  await cluster.apply(appService("web", "shop"));
  visits = await startVisits("early");
  const start = performance.now();
  const finalizers = ["weir.dev/test"];
  const pod = appPod("web", "shop") as { metadata: object };
  await cluster.apply({ ...pod, metadata: { ...pod.metadata, finalizers } });
  await ready("pod/web");
  t.diagnostic(`pod ready: ${(performance.now() - start).toFixed(0)} ms`);
  await eventually("filtered answers", async () => ((await visits.totals()).values.one ?? 0) > 100, 30_000);
  const status = await statusOf("web");
  assert.equal(container(status, "weir-iptables").state.terminated?.exitCode, 0);
  const [envoy, app] = ["weir-envoy", "app"].map((name) => container(status, name).state.running?.startedAt ?? "");
  assert.ok(envoy !== undefined && app !== undefined && envoy <= app, `Envoy started ${envoy}, the app ${app}`);
  assert.match(await ask(`http://${status.podIP}:8080/direct`), /X-Weir: one/, "its own address leads through Envoy too");
  assert.match(await ask(`http://${status.podIP}:15021/ready`), /^HTTP\/1.1 200/);
  for (const port of [15000, 15006]) await assert.rejects(ask(`http://${status.podIP}:${port}/`), /refused|reset|EOF|server closed/);
  const { requests, unfiltered, values } = await visits.totals();
  t.diagnostic(`${requests} requests, ${values.one} filtered, ${unfiltered} unfiltered`);
  assert.equal(unfiltered, 0);

  await cluster.kubectl(["delete", "pod", "web", "-n", "shop", "--wait=false"]);
  const ended = await eventually(
    "its end",
    async () => {
      const last = await statusOf("web");
      const states = ["app", "weir-envoy"].map((name) => container(last, name).state.terminated);
      return states.every((state) => state !== undefined) ? states : undefined;
    },
    30_000,
    200,
  );
  const [appEnd, envoyEnd] = ended.map((state) => state?.finishedAt ?? "");
  assert.ok(appEnd !== undefined && envoyEnd !== undefined && appEnd <= envoyEnd, `the app ended ${appEnd}, Envoy ${envoyEnd}`);
  await cluster.kubectl(["patch", "pod", "web", "-n", "shop", "--type=merge", "-p", '{"metadata":{"finalizers":null}}']);
  assert.equal((await visits.totals()).unfiltered, 0);
  await cluster.kubectl(["delete", "pod", visits.pod, "-n", "visitors", "--wait=false"]);
});

test("pods are replaced under requests: none fails, and none is unfiltered", needsNode, async (t) => {
  const lifecycle = { containers: [appContainer(["serve", "-shutdown", "5s"])], terminationGracePeriodSeconds: 15 };
  await cluster.apply(appDeployment("web", "shop", 2, { spec: lifecycle }));
  await cluster.kubectl(["rollout", "status", "deployment/web", "-n", "shop", "--timeout=120s"]);
  // Another address than of the visitor whose only pod ended: what it asked the pod that was gone, the node's connection tracking leads there for two minutes more.
  visits = await startVisits("visitor");
  await visits.more(50);
  const before = await visits.totals();
  await cluster.kubectl(["rollout", "restart", "deployment/web", "-n", "shop"]);
  await cluster.kubectl(["rollout", "status", "deployment/web", "-n", "shop", "--timeout=120s"]);
  await visits.more(200);
  const { requests, failed, unfiltered, failures } = await visits.since(before);
  t.diagnostic(`${requests} requests, ${failed} failed, ${unfiltered} unfiltered`);
  assert.deepEqual({ failed, unfiltered, failures }, { failed: 0, unfiltered: 0, failures: [] });
});

/** Answers every request with 403. */
const denies = () =>
  assemble(`(module (import "env" "proxy_send_local_response" (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 2)
    (global $heap (mut i32) (i32.const 65536))
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32)
      (global.get $heap) (global.set $heap (i32.add (global.get $heap) (local.get 0))))
    (func (export "proxy_on_context_create") (param i32 i32))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (drop (call $respond (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1)))
      (i32.const 1)))`);

test(
  "a filter that refuses everything does not make a pod unready or have it killed, by whatever probe; what is no HTTP passes",
  needsNode,
  async () => {
    await release("deny", await denies(), "denied");
    // A node that stands still for a second is no failure; the filter answers at once.
    const probe = { periodSeconds: 1, timeoutSeconds: 10, failureThreshold: 2 };
    const ports = [
      { name: "http", containerPort: 8080 },
      { name: "echo", containerPort: 7000 },
    ];
    const app = appContainer(undefined, {
      ports: ports.slice(0, 1),
      startupProbe: { ...probe, tcpSocket: { port: "http" }, failureThreshold: 20 },
      readinessProbe: { ...probe, httpGet: { path: "/ready", port: "http" } },
      livenessProbe: { ...probe, tcpSocket: { port: 8080 } },
    });
    const echo = appContainer(["-c", "while true; do nc -l -p 7000 -e cat; done"], {
      name: "echo",
      command: ["/bin/sh"],
      ports: ports.slice(1),
    });
    const grpc = { ...probe, grpc: { port: 9000 } };
    const health = appContainer(["serve", "-address", ":9000"], {
      ...{ name: "health", ports: [{ name: "grpc", containerPort: 9000 }] },
      ...{ readinessProbe: grpc, livenessProbe: grpc, startupProbe: { ...grpc, failureThreshold: 20 } },
    });
    await cluster.apply(appPod("denied", "shop", undefined, { containers: [app, echo, health] }));
    await ready("pod/denied");
    const { podIP } = await statusOf("denied");
    await eventually("refusals", async () => (await ask(`http://${podIP}:8080/`)).startsWith("HTTP/1.1 403"), 20_000);
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    const status = await statusOf("denied");
    assert.deepEqual(
      ["app", "echo", "health", "weir-envoy"].map((name) => container(status, name).restartCount),
      [0, 0, 0, 0],
    );
    assert.equal(status.conditions.find(({ type }: { type: string }) => type === "Ready").status, "True");
    const spoken = await visitorRuns(["sh", "-c", `(echo hello; sleep 1) | nc ${podIP} 7000`]);
    assert.equal(spoken, "hello\n");
  },
);

test("where Pod Security forbids capture, mapped ports do", needsNode, async () => {
  await cluster.apply(namespace("strict", { "weir.dev/inject": "true", "pod-security.kubernetes.io/enforce": "restricted" }));
  const pod = appPod("web", "strict") as { metadata: object };
  await assert.rejects(cluster.apply(pod), /enforces the Pod Security level restricted/);
  const filter = { image: `${registry.host}/filters/mark:1` };
  await cluster.apply(
    { ...pod, metadata: { ...pod.metadata, annotations: { "weir.dev/ports": "8080=15080" } } },
    appService("web", "strict", 15080),
    { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: "mark", namespace: "strict" }, spec: filter },
  );
  await ready("pod/web", "strict");
  await eventually("filtered answers by the Service", async () => (await ask("http://web.strict/")).includes("X-Weir: one"), 20_000);
});

test("a gateway's Envoy proves itself by its token, with the ConfigMap that weir bootstrap prints", needsNode, async () => {
  const map = await cluster.get(["configmap", "weir-ca", "-n", "weir-system"]);
  await writeFile(join(folder.path, "ca.crt"), map.data["ca.crt"]);
  const words = ["-n", "shop", "--xds", `${NODE_ADDRESS}:${weir.xdsPort}`, "--tls-ca", "ca.crt", "--upstream", "web.shop.svc:80"];
  await cluster.kubectl(["apply", "-f", "-"], await runWeir(["bootstrap", "--in-cluster", ...words], { cwd: folder.path }));
  const token = { audience: "weir.dev", expirationSeconds: 3600, path: "token" };
  const envoy = {
    ...{
      name: "envoy",
      image,
      imagePullPolicy: "Never",
      args: ["-c", "/etc/weir/envoy.yaml", "--service-node", "$(POD_NAME)", "--concurrency", "1"],
    },
    env: [{ name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
    volumeMounts: [
      { name: "bootstrap", mountPath: "/etc/weir" },
      { name: "weir-token", mountPath: "/var/run/secrets/weir.dev" },
    ],
    resources: { requests: { cpu: "10m", memory: "32Mi" } },
  };
  const volumes = [
    { name: "bootstrap", configMap: { name: "weir-bootstrap" } },
    { name: "weir-token", projected: { sources: [{ serviceAccountToken: token }] } },
  ];
  await cluster.apply({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "gateway", namespace: "shop" },
    spec: { containers: [envoy], volumes },
  });
  await ready("pod/gateway");
  const { podIP } = await statusOf("gateway");
  await eventually("filtered answers", async () => (await ask(`http://${podIP}:10000/`)).includes("X-Weir: one"), 30_000);
});

test(
  "while Weir is away: pods that run go on, a labelled namespace gets no new ones, and one that starts waits for its filters",
  needsNode,
  async (t) => {
    const manifest = join(folder.path, "late.yaml");
    await writeFile(manifest, JSON.stringify(appPod("late", "shop")));
    const words = ["--xds", `${NODE_ADDRESS}:${weir.xdsPort}`, "--tls-ca", join(folder.path, "ca.crt"), "--proxy-image", image];
    const late = await runWeir(["inject", "-f", manifest, ...words]);
    const before = await visits.totals();
    await weir.stop();
    await assert.rejects(cluster.apply(appPod("refused", "shop")), /failed calling webhook "namespace\.weir\.dev"/);
    // Injected before, in the manifest, and asking not to be asked about: it starts without Weir.
    await cluster.kubectl(["label", "namespace", "shop", "weir.dev/inject-"]);
    await cluster.kubectl(["apply", "-f", "-"], late);
    await eventually("Envoy to run", async () => container(await statusOf("late"), "weir-envoy").state.running !== undefined, 30_000);
    await visits.more(300);
    const waiting = await statusOf("late");
    assert.equal(container(waiting, "app").state.running, undefined, "the app waits for its Envoy");
    await assert.rejects(ask(`http://${waiting.podIP}:8080/`), /refused/);
    const { requests, failed, unfiltered, failures } = await visits.since(before);
    t.diagnostic(`${requests} requests while Weir was away, ${failed} failed, ${unfiltered} unfiltered`);
    assert.deepEqual({ failed, unfiltered, failures }, { failed: 0, unfiltered: 0, failures: [] });
    const start = performance.now();
    await weir.start();
    await ready("pod/late");
    t.diagnostic(`ready after Weir came back: ${(performance.now() - start).toFixed(0)} ms`);
    assert.match(await ask(`http://${waiting.podIP}:8080/`), /X-Weir: one/);
  },
);
