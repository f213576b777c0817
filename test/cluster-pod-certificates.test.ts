import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startEnvoy } from "./support/envoy.ts";
import { type Kubernetes, lacksForNode, POD_CERTIFICATES, startKubernetes } from "./support/kubernetes/index.ts";
import { appContainer, appPod, namespace } from "./support/kubernetes/pods.ts";
import { reservePort } from "./support/ports.ts";
import { eventually } from "./support/process.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { startWeir, type Weir, weir } from "./support/weir.ts";

/** Certificates that a real kubelet asks for, and authorities that it brings into pods. */
const CRDS = fileURLToPath(new URL("../crds/", import.meta.url));
const lacks = await lacksForNode();
const needsNode = { skip: lacks ?? false };
let cluster: Kubernetes;
let server: Weir;
let folder: { readonly path: string; remove(): Promise<void> };

before(async () => {
  if (lacks !== undefined) return;
  [cluster, folder] = await Promise.all([startKubernetes(POD_CERTIFICATES), createTempFolder("pod-certificates")]);
  await cluster.kubectl(["apply", "-f", CRDS]);
  await cluster.apply(namespace("weir-system"), namespace("shop"));
  server = await startWeir({
    source: ["--kubeconfig", cluster.kubeconfig],
    data: join(folder.path, "data"),
    flags: [
      ...["--xds-tls", "auto", "--xds-name", "weir.weir-system.svc", "--key-store", "secret", "--own-namespace", "weir-system"],
      // Nothing is injected here: pods are told of authorities by a Weir that injects.
      ...["--pod-certificates", "on", "--webhook-address", `127.0.0.1:${await reservePort()}`, "--proxy-image", "r.example/envoy:1"],
    ],
  });
});

after(async () => {
  await server?.stop();
  await cluster?.stop();
  await folder?.remove();
});

/** A pod with a certificate, the bundle beside it, and the annotation that an injected pod has. */
function certified(name: string, keyType: string): object {
  const sources = [
    { podCertificate: { signerName: "weir.dev/proxy", keyType, credentialBundlePath: "credentials.pem" } },
    { clusterTrustBundle: { signerName: "weir.dev/proxy", labelSelector: {}, path: "ca.crt" } },
  ];
  const annotation = { path: "annotated.crt", fieldRef: { fieldPath: "metadata.annotations['weir.dev/ca']" } };
  const volumes = [{ name: "weir", projected: { sources: [...sources, { downwardAPI: { items: [annotation] } }] } }];
  const mounts = { volumeMounts: [{ name: "weir", mountPath: "/etc/weir", readOnly: true }] };
  const pod = appPod(name, "shop", undefined, { volumes, containers: [appContainer(undefined, mounts)] }) as { metadata: object };
  const labels = { app: name, "weir.dev/injected": "true" };
  return { ...pod, metadata: { ...pod.metadata, labels, annotations: { "weir.dev/ca": "of before" } } };
}

const file = (pod: string, name: string) => cluster.exec([pod, "-n", "shop"], ["cat", `/etc/weir/${name}`]);
const certificates = (text: string) => text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];

test("a pod gets a certificate of Weir, and an Envoy with it is the pod, whatever it says of itself", needsNode, async (t) => {
  const start = performance.now();
  await cluster.apply(certified("web", "ECDSAP256"));
  await cluster.kubectl(["wait", "--namespace=shop", "--for=condition=Ready", "pod/web", "--timeout=60s"]);
  t.diagnostic(`ready with a certificate: ${(performance.now() - start).toFixed(0)} ms`);
  const [credentials, ca, pod] = await Promise.all([
    file("web", "credentials.pem"),
    file("web", "ca.crt"),
    cluster.get(["pod", "web", "-n", "shop"]),
  ]);
  const certificate = new X509Certificate(certificates(credentials)[0] ?? "");
  assert.equal(certificate.subjectAltName, `URI:spiffe://weir/ns/shop/sa/default/pod/web/${pod.metadata.uid}`);
  assert.ok(certificate.checkIssued(new X509Certificate(ca)));

  const out = join(folder.path, "envoy");
  await mkdir(out);
  await writeFile(join(out, "credentials.pem"), credentials, { mode: 0o600 });
  await writeFile(join(out, "ca.crt"), ca);
  const words = [
    "--node",
    "admin-1",
    "--namespace",
    "shop",
    "--upstream",
    "127.0.0.1:1",
    "--listen",
    "127.0.0.1:0",
    "--xds",
    `127.0.0.1:${server.xdsPort}`,
  ];
  const files = ["--tls-ca", "ca.crt", "--tls-cert", "credentials.pem", "--tls-key", "credentials.pem", "--out", "."];
  await weir(["bootstrap", ...words, ...files], { cwd: out });
  const envoy = await startEnvoy({ config: await readFile(join(out, "envoy.yaml"), "utf8"), log: "warning" });
  t.after(() => envoy.stop());
  await eventually(
    "the proxy",
    async () => (await server.proxies()).some(({ id, namespace }) => `${namespace}/${id}` === "shop/web"),
    30_000,
  );
  assert.deepEqual(
    (await server.proxies()).map(({ id }) => id),
    ["web"],
  );
});

test("a pod with a key that Envoy does not take is told why", needsNode, async () => {
  await cluster.apply(certified("odd", "ED25519"));
  const denied = await eventually(
    "a denial",
    async () => {
      const { items } = await cluster.get(["podcertificaterequests", "-n", "shop"]);
      return items.find(
        ({ spec, status }: { spec: { podName: string }; status?: { conditions?: unknown } }) =>
          spec.podName === "odd" && status?.conditions !== undefined,
      );
    },
    30_000,
  );
  assert.deepEqual([denied.status.conditions[0].type, denied.status.conditions[0].reason], ["Denied", "UnsupportedKeyType"]);
  await cluster.kubectl(["delete", "pod", "odd", "-n", "shop", "--wait=false"]);
});

test("a next authority is in the pod's files, by the bundle and by the annotation, before it signs", needsNode, async (t) => {
  const start = performance.now();
  await cluster.kubectl(["annotate", "secret", "weir-authority", "-n", "weir-system", "weir.dev/rotate=1"]);
  for (const name of ["annotated.crt", "ca.crt"]) {
    await eventually(`two authorities in ${name}`, async () => certificates(await file("web", name)).length === 2, 180_000, 500);
    t.diagnostic(`${name} has both after ${((performance.now() - start) / 1_000).toFixed(0)} s`);
  }
  const { metadata } = await cluster.get(["secret", "weir-authority", "-n", "weir-system"]);
  assert.ok(Date.parse(metadata.annotations["weir.dev/next-signs-at"]) - Date.now() > 10 * 60_000);
  assert.equal(certificates((await cluster.get(["clustertrustbundle", "weir.dev:proxy:ca"])).spec.trustBundle).length, 2);
});
