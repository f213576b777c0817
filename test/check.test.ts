import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parseAllDocuments } from "yaml";
import { main } from "../cli/main.ts";
import { createFakeTerminal } from "../cli/testing/terminal.ts";
import { createAuthority } from "../cluster/authority/certificate.ts";
import { ADMISSION_CONFIGURATION, LEASE, PULL_SERVICE_ACCOUNT, WEBHOOK_CONFIGURATION, WEIRS_RIGHTS } from "../cluster/check/rights.ts";
import type { Finding } from "../cluster/index.ts";
import { ROOT } from "../scripts/tests/files.ts";
import { type Cluster, kubectl, startCluster } from "./support/cluster.ts";
import { reservePort } from "./support/ports.ts";

/** `weir check` on a real API server. It has no kubelet, so what only one does (a pod's states) is written into the status by hand. */

let cluster: Cluster;

before(async () => {
  cluster = await startCluster({ users: ["nobody"] });
});

after(() => cluster?.stop());

const INSTALL = join(ROOT, "deploy/install.yaml");
const kube = (args: readonly string[], input?: string) => kubectl(args, { ...cluster, input });

async function check({
  args = [],
  kubeconfig = cluster.kubeconfig,
  now = Date.now(),
}: {
  args?: readonly string[];
  kubeconfig?: string;
  now?: number;
} = {}) {
  const { terminal, written } = createFakeTerminal({ env: { KUBECONFIG: kubeconfig }, now });
  return { status: await main(["check", ...args], terminal), ...written };
}

/** The lines that are not ok. No Weir runs here, so none about admission is: test/admission.test.ts. */
async function troubles(options: Parameters<typeof check>[0] = {}): Promise<string[]> {
  const { out } = await check({ ...options, args: ["-o", "json", ...(options.args ?? [])] });
  const { findings } = JSON.parse(out) as { findings: Finding[] };
  return findings
    .filter(({ status, about }) => status !== "ok" && about !== "admission")
    .map(({ status, about, message }) => `${status} ${about}: ${message}`);
}

const has = (lines: readonly string[], expected: RegExp) =>
  assert.ok(
    lines.some((line) => expected.test(line)),
    `${expected}\n${lines.join("\n")}`,
  );

/** What the Deployment's controller and the kubelet would have made of it. */
async function makePod(state: object): Promise<void> {
  const deployment = JSON.parse(await kube(["-n", "weir-system", "get", "deploy", "weir", "-o", "json"]));
  const { metadata, spec } = deployment.spec.template;
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, name: "weir-1", namespace: "weir-system" }, spec };
  await kube(["apply", "-f", "-"], JSON.stringify(pod));
  await kube([
    "-n",
    "weir-system",
    "patch",
    "pod",
    "weir-1",
    "--subresource=status",
    "--type=merge",
    "-p",
    JSON.stringify({ status: state }),
  ]);
}

const setReady = (readyReplicas: number) =>
  kube([
    ...["-n", "weir-system", "patch", "deploy", "weir", "--subresource=status", "--type=merge"],
    ...["-p", JSON.stringify({ status: { replicas: 1, updatedReplicas: 1, availableReplicas: readyReplicas, readyReplicas } })],
  ]);

test("an empty cluster lacks the kinds and Weir; the exit status is 1, and the lines are words", async () => {
  const { status, out, err } = await check();
  assert.equal(status, 1);
  assert.match(out, /^ok {4}api server +v1\.\d+\.\d+\n/);
  assert.match(out, /^fail {2}kinds +wasmfilters\.weir\.dev is not there; install the chart weir-crds/m);
  assert.match(out, /^fail {2}weir +there is no Weir in namespace weir-system; install it: helm install/m);
  assert.match(err, /^error: 3 checks failed at https:/);
});

test("an API server that is not there is one line", async () => {
  const text = (await readFile(cluster.kubeconfig, "utf8")).replaceAll(cluster.server, `https://127.0.0.1:${await reservePort()}`);
  const dead = join(cluster.kubeconfig, "..", "dead.kubeconfig");
  await writeFile(dead, text);
  assert.deepEqual(
    (await troubles({ kubeconfig: dead })).map((line) => line.replace(/:\d+ /, " ")),
    ["fail api server: the API server https://127.0.0.1 cannot be reached: ECONNREFUSED; check the kubeconfig and the connection"],
  );
});

/** What Weir and the EndpointSlice controller would have written. */
async function makeWebhookReady(): Promise<void> {
  const caBundle = Buffer.from(createAuthority("Weir", Date.now(), 86_400_000).cert).toString("base64");
  const operations = [0, 1].map((index) => ({ op: "add", path: `/webhooks/${index}/clientConfig/caBundle`, value: caBundle }));
  await kube(["patch", "mutatingwebhookconfiguration", "weir-weir-system", "--type=json", "-p", JSON.stringify(operations)]);
  const slice = {
    ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4" },
    metadata: { name: "weir-1", namespace: "weir-system", labels: { "kubernetes.io/service-name": "weir" } },
    endpoints: [{ addresses: ["192.0.2.9"], conditions: { ready: true } }],
    ports: [{ name: "webhook", port: 18443 }],
  };
  await kube(["apply", "-f", "-"], JSON.stringify(slice));
}

test("what is installed and ready has no fault; until Weir has written its authority into the webhook, that is one", async () => {
  await kube(["apply", "-f", INSTALL]);
  await kube(["wait", "--for=condition=Established", "crd/wasmfilters.weir.dev", "--timeout=30s"]);
  await setReady(1);
  await makePod({ phase: "Running", containerStatuses: [] });
  const [found = "", ...others] = await troubles();
  assert.match(
    found,
    /^fail webhook: it has no caBundle yet, which Weir writes when it starts: until then no pod starts in labelled namespaces/,
  );
  assert.deepEqual(others, []);
  await makeWebhookReady();
  assert.deepEqual(await troubles(), []);
  assert.equal((await check()).status, 0);
});

test("a webhook that nobody answers, a namespace that maps no ports", async () => {
  await kube(["create", "namespace", "shop"]);
  await kube(["label", "namespace", "shop", "weir.dev/inject=true", "pod-security.kubernetes.io/enforce=restricted"]);
  const found = await troubles();
  has(found, /^fail webhook: it does not answer: .*failed calling webhook "namespace\.weir\.dev"/);
  has(found, /^warn capture: shop: .*weir\.dev\/ports/);
  assert.equal(found.length, 2, found.join("\n"));
  await kube(["label", "namespace", "shop", "weir.dev/inject-"]);
});

test("the rights that it asks for are those of the chart's roles, no more and no fewer", async () => {
  // With everything that Weir can be told to do; that one has a volume, and so no Lease.
  const rendered = ["everything", "replicas"].map((name) => readFile(join(ROOT, `test/fixtures/charts/${name}/rendered.yaml`), "utf8"));
  const roles = (await Promise.all(rendered))
    .flatMap((text) => parseAllDocuments(text))
    .map((document) => document.toJS())
    // What everybody may read is not Weir's.
    .filter((object) => object?.kind === "ClusterRole" || (object?.kind === "Role" && object.metadata.name !== "weir-ca-reader"));
  const granted = roles.flatMap(({ kind, rules }) =>
    rules.flatMap((rule: { apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] }) =>
      rule.resources.flatMap((resource) =>
        rule.verbs.map((verb) => [kind, rule.apiGroups[0], resource, rule.resourceNames?.[0] ?? "", verb].join(" ")),
      ),
    ),
  );
  const names: Readonly<Record<string, string>> = {
    [WEBHOOK_CONFIGURATION]: "weir-weir-system",
    [ADMISSION_CONFIGURATION]: "weir-weir-system",
    [PULL_SERVICE_ACCOUNT]: "default",
    [LEASE]: "weir",
  };
  const asked = WEIRS_RIGHTS.flatMap(({ group, resource, verbs, own, name = "" }) =>
    verbs.map((verb) => [own ? "Role" : "ClusterRole", group, resource, names[name] ?? name, verb].join(" ")),
  );
  // Which namespaces' Secrets and ConfigMaps Weir reads is for the installer to say (rbac.referencesIn).
  const references = ["secrets", "configmaps"].flatMap((resource) => ["list", "watch"].map((verb) => `ClusterRole  ${resource}  ${verb}`));
  assert.deepEqual([...new Set(granted)].sort(), [...new Set([...asked, ...references])].sort());
});

test("a right that Weir lacks is named", async () => {
  const { rules } = JSON.parse(await kube(["get", "clusterrole", "weir-weir-system", "-o", "json"]));
  const index = rules.findIndex(({ resources }: { resources: readonly string[] }) => resources.includes("controllerrevisions"));
  const narrower = JSON.stringify([{ op: "replace", path: `/rules/${index}/verbs`, value: ["list", "create"] }]);
  await kube(["patch", "clusterrole", "weir-weir-system", "--type=json", "-p", narrower]);
  assert.deepEqual(await troubles(), [
    "fail weir's rights: its ServiceAccount may not delete apps/controllerrevisions; upgrade the chart, or grant what its roles say (rbac.create)",
  ]);
  await kube(["apply", "-f", INSTALL]);
  assert.deepEqual(await troubles(), []);
});

test("an image that cannot be pulled is named, with what to do", async () => {
  await setReady(0);
  await makePod({
    phase: "Pending",
    containerStatuses: [
      {
        ...{ name: "weir", image: "REGISTRY/weir:0.1.0", imageID: "", ready: false, restartCount: 0 },
        state: { waiting: { reason: "InvalidImageName", message: "couldn't parse image name" } },
      },
    ],
  });
  const found = await troubles();
  has(found, /^fail weir: Deployment weir-system\/weir has 0 of 1 replicas ready/);
  has(found, /^fail pod: REGISTRY\/weir:0\.1\.0 cannot be pulled \(InvalidImageName: .*image\.repository/);
  await setReady(1);
  await makePod({ phase: "Running", containerStatuses: [] });
});

test("a kind of an older version is told by what it lacks", async () => {
  await kube([
    ...["patch", "crd", "wasmfilters.weir.dev", "--type=json"],
    ...["-p", '[{"op":"remove","path":"/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/suspend"}]'],
  ]);
  assert.deepEqual(await troubles(), [
    "fail kinds: wasmfilters.weir.dev is of an older version (spec.suspend: is gone); upgrade them: helm upgrade, or kubectl apply --server-side -f crds/",
  ]);
  await kube(["replace", "-f", join(ROOT, "crds/wasmfilters.weir.dev.yaml")]);
});

test("a second Weir is found", async () => {
  const second = (await readFile(INSTALL, "utf8")).replaceAll("weir-system", "weir-two");
  await kube(["apply", "-f", "-"], second);
  has(await troubles(), /^fail one weir: 2 Weirs are in this cluster \(weir-system\/weir, weir-two\/weir\)/);
  await kube(["-n", "weir-two", "delete", "deploy", "weir"]);
});

test("a clock that is off is told", async () => {
  assert.match((await troubles({ now: Date.now() + 6 * 60_000 })).join(), /^fail clock: this machine is 3[56]\d s ahead of the API server/);
});

test("a claim without a volume is told", async () => {
  const claim = {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "modules" },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
  };
  await kube(["-n", "weir-system", "apply", "-f", "-"], JSON.stringify(claim));
  const spec = { containers: [{ name: "a", image: "a" }], volumes: [{ name: "data", persistentVolumeClaim: { claimName: "modules" } }] };
  const metadata = { name: "weir-2", namespace: "weir-restless", labels: { "app.kubernetes.io/name": "weir" } };
  await kube(["create", "namespace", "weir-restless"]);
  await kube(["-n", "weir-restless", "apply", "-f", "-"], JSON.stringify(claim));
  await kube(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata, spec }));
  const deployment = JSON.parse(await kube(["-n", "weir-system", "get", "deploy", "weir", "-o", "json"]));
  const { labels, name } = deployment.metadata;
  await kube(
    ["apply", "-f", "-"],
    JSON.stringify({ ...deployment, metadata: { labels, name, namespace: "weir-restless" }, status: undefined }),
  );
  has(await troubles({ args: ["-n", "weir-restless"] }), /^fail volume: the claim modules is Pending: no volume yet/);
  await kube(["-n", "weir-restless", "delete", "deploy", "weir"]);
});

test("somebody without rights is told what was not looked at, and it is no fault of the cluster", async () => {
  const { status, out } = await check({ kubeconfig: await cluster.kubeconfigFor("nobody") });
  assert.equal(status, 0, out);
  assert.match(out, /^warn {2}kinds +not looked at: .*"nobody" cannot get .*; ask somebody with that right/m);
  assert.match(out, /^warn {2}your rights +nobody may not get, list, create, patch, delete weir\.dev\/wasmfilters in every namespace/m);
});
