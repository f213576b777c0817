import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Kubernetes, lacksForNode, startKubernetes } from "./support/kubernetes/index.ts";
import { appPod, appService, namespace, resources, restricted } from "./support/kubernetes/pods.ts";
import { CHART, chartValues, type SharedRegistry, startSharedRegistry, untilFilter } from "./support/kubernetes/weir.ts";
import { eventually } from "./support/process.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";
import { condition, weir } from "./support/weir.ts";

/** Envoys in pods, with tokens that a kubelet brings, before a Weir that is a pod too. */
const lacks = await lacksForNode();
const needsNode = { skip: lacks ?? false };
const PORT = 10_000;
let cluster: Kubernetes;
let registry: SharedRegistry;
let folder: { readonly path: string; remove(): Promise<void> };

before(async () => {
  if (lacks !== undefined) return;
  [cluster, folder] = await Promise.all([startKubernetes({ images: ["weir", "envoy"] }), createTempFolder("cluster-identity")]);
  registry = await startSharedRegistry(cluster);
  await cluster.apply(namespace("weir-system"), namespace("edge"), namespace("evil"), appPod("app", "edge"), appService("app", "edge"));
  const values = await chartValues(cluster, registry.host);
  await cluster.helm(["install", "weir", "-n", "weir-system", CHART, ...values, "--wait", "--timeout", "120s"]);
  for (const role of ["front", "back"]) await addFilter(role);
  const ca = await cluster.kubectl(["get", "configmap", "weir-ca", "-n", "weir-system", "-o", "jsonpath={.data.ca\\.crt}"]);
  await writeFile(join(folder.path, "ca.crt"), ca);
  const words = [
    "-n",
    "edge",
    "--tls-ca",
    "ca.crt",
    "--listen",
    `0.0.0.0:${PORT}`,
    "--upstream",
    "app.edge.svc:80",
    "--label",
    "role=claimed",
  ];
  const map = await weir(["bootstrap", "--in-cluster", ...words], { cwd: folder.path });
  // Both namespaces have the same file: one that claims to be of `edge`.
  for (const one of ["edge", "evil"]) await cluster.kubectl(["apply", "-f", "-"], map.replace("namespace: edge", `namespace: ${one}`));
});

after(async () => {
  await cluster?.stop();
  await registry?.registry.stop();
  await folder?.remove();
});

/** A filter for pods with this label, whose header tells it. */
async function addFilter(role: string): Promise<void> {
  const { image } = await registry.push(`filters/${role}:1`, await headerFilter({ name: "x-weir", value: role }));
  const spec = { image, selector: { matchLabels: { role } } };
  await cluster.apply({ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: role, namespace: "edge" }, spec });
  await untilFilter(cluster, ["edge", role], "accepted", (seen) => condition(seen, "Accepted").startsWith("True"));
}

const PROJECTED = { projected: { sources: [{ serviceAccountToken: { audience: "weir.dev", expirationSeconds: 3600, path: "token" } }] } };

/** A pod that is an Envoy. `token`: the volume with its token. */
async function startGate(name: string, where: string, token: object = PROJECTED): Promise<void> {
  const image = await cluster.load.image("envoy");
  const container = {
    ...{ name: "envoy", image, imagePullPolicy: "Never", securityContext: restricted, resources },
    args: ["-c", "/etc/weir/envoy.yaml", "--service-node", "some-id", "--concurrency", "1"],
    volumeMounts: [
      { name: "bootstrap", mountPath: "/etc/weir", readOnly: true },
      { name: "token", mountPath: "/var/run/secrets/weir.dev", readOnly: true },
    ],
  };
  const volumes = [
    { name: "bootstrap", configMap: { name: "weir-bootstrap" } },
    { name: "token", ...token },
  ];
  const spec = { terminationGracePeriodSeconds: 0, automountServiceAccountToken: false, containers: [container], volumes };
  await cluster.apply({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: where, labels: { role: "front" } }, spec });
  await cluster.kubectl(["wait", "-n", where, "--for=condition=Ready", `pod/${name}`, "--timeout=60s"]);
}

/** The header of the filter that a request through this pod met. */
async function mark(name: string): Promise<string | undefined> {
  const { podIP } = (await cluster.get(["pod", name, "-n", "edge"])).status;
  const answer = await cluster.exec(["app", "-n", "edge"], ["/app", "get", `http://${podIP}:${PORT}/`]).catch(String);
  return /^X-Weir: (\w+)/im.exec(answer)?.[1];
}

const logs = () => cluster.kubectl(["logs", "-n", "weir-system", "deploy/weir", "-c", "weir"]);

/** Throws with Weir's and Envoy's last lines. */
async function untilMark(name: string, expected: string): Promise<void> {
  await eventually(`the filter of ${expected}`, async () => (await mark(name)) === expected, 60_000, 250).catch(async (error: Error) => {
    const envoy = await cluster.kubectl(["logs", "-n", "edge", name, "--tail=20"]).catch(String);
    throw new Error(`${error.message}\n${(await logs()).slice(-3_000)}\n${envoy}`);
  });
}

test("an Envoy in a pod is that pod by the token that the kubelet brings, and follows the pod's labels", needsNode, async (t) => {
  const start = performance.now();
  await startGate("gate", "edge");
  await untilMark("gate", "front");
  t.diagnostic(`from the pod to its filter: ${((performance.now() - start) / 1_000).toFixed(1)} s`);
  const changed = performance.now();
  await cluster.kubectl(["label", "pod", "gate", "-n", "edge", "--overwrite", "role=back"]);
  await untilMark("gate", "back");
  t.diagnostic(`from the label to the other filter: ${((performance.now() - changed) / 1_000).toFixed(1)} s`);
  const { status } = await untilFilter(cluster, ["edge", "back"], "updated", ({ status }) => status?.proxies?.updated === 1);
  assert.equal(status?.proxies?.matched, 1);
});

test("a token that was taken out of its pod is refused in another, and its pod stays as it is", needsNode, async () => {
  const { uid } = (await cluster.get(["pod", "gate", "-n", "edge"])).metadata;
  const bound = ["--bound-object-kind", "Pod", "--bound-object-name", "gate", "--bound-object-uid", uid];
  const stolen = await cluster.kubectl(["create", "token", "default", "-n", "edge", "--audience", "weir.dev", ...bound]);
  await cluster.kubectl(["create", "secret", "generic", "stolen", "-n", "edge", `--from-literal=token=${stolen}`]);
  await startGate("thief", "edge", { secret: { secretName: "stolen" } });
  const { podIP } = (await cluster.get(["pod", "thief", "-n", "edge"])).status;
  await eventually(
    "the refusal",
    async () => (await logs()).includes(`runs in the pod edge/gate, and ${podIP} is not that pod's address`),
    30_000,
    500,
  );
  assert.equal(await mark("thief"), undefined);
  assert.equal(await mark("gate"), "back");
  await cluster.kubectl(["delete", "pod", "thief", "-n", "edge", "--wait=false"]);
});

test("a pod of another namespace that claims this one is refused", needsNode, async () => {
  await startGate("attacker", "evil");
  const words = "node.metadata.NAMESPACE is edge, and this client proved that it belongs to evil";
  await eventually("the refusal", async () => (await logs()).includes(words), 30_000, 500);
  assert.equal(await mark("gate"), "back");
});

test("a pod that is deleted is no proxy any more, and one of its name is another", needsNode, async () => {
  await cluster.kubectl(["delete", "pod", "gate", "-n", "edge"]);
  await untilFilter(cluster, ["edge", "back"], "no proxy", ({ status }) => (status?.proxies?.updated ?? 0) === 0);
  await startGate("gate", "edge");
  await untilMark("gate", "front");
});
