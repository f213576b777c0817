import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createAuthority } from "../base/testing/certificates.ts";
import { type Cluster, installCrds, kubectl, startCluster } from "./support/cluster.ts";
import { CONFIGURATION, startInjector, webhookConfiguration } from "./support/injector.ts";
import { reservePort } from "./support/ports.ts";
import { eventually } from "./support/process.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import type { Weir } from "./support/weir.ts";

/** Injection as the API server sees it: a real one, with its own Pod Security, that asks Weir's webhook on loopback. */

let cluster: Cluster;
let weir: Weir;
let port: number;
let folder: string;
const cleanups: (() => Promise<unknown>)[] = [];

const run = (args: readonly string[], input?: object) => kubectl(args, { ...cluster, input: input && JSON.stringify(input) });

before(async () => {
  const temp = await createTempFolder("injection");
  folder = temp.path;
  cleanups.push(temp.remove);
  cluster = await startCluster();
  cleanups.push(cluster.stop);
  await installCrds(cluster);
  port = await reservePort();
  await run(["create", "-f", "-"], webhookConfiguration(CONFIGURATION, `https://127.0.0.1:${port}/inject`));
  const labels = (name: string, more: object = {}) => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, labels: { "weir.dev/inject": "true", ...more } },
  });
  await run(["create", "-f", "-"], labels("shop"));
  await run(["create", "-f", "-"], labels("strict", { "pod-security.kubernetes.io/enforce": "restricted" }));
  weir = await startInjector({ cluster, data: join(folder, "data"), port });
  cleanups.push(weir.stop);
  await eventually("the authority in the configuration", async () => (await bundles()).every((bundle) => bundle !== undefined), 10_000);
});

after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

async function bundles(): Promise<(string | undefined)[]> {
  const { webhooks } = JSON.parse(await run(["get", "mutatingwebhookconfiguration", CONFIGURATION, "-o", "json"]));
  return webhooks.map(({ clientConfig }: { clientConfig: { caBundle?: string } }) => clientConfig.caBundle);
}

interface Metadata {
  readonly labels?: object;
  readonly annotations?: object;
}

const restricted = {
  ...{ runAsNonRoot: true, allowPrivilegeEscalation: false },
  ...{ capabilities: { drop: ["ALL"] }, seccompProfile: { type: "RuntimeDefault" } },
};

function pod(name: string, metadata: Metadata = {}): object {
  const container = { name: "app", image: "app:1", ports: [{ name: "http", containerPort: 8080 }], securityContext: restricted };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, ...metadata },
    spec: { serviceAccountName: "default", containers: [container] },
  };
}

/** Creates a pod and gives what the API server stored. */
async function create(namespace: string, object: object, ...flags: string[]) {
  return JSON.parse(await run(["create", "-n", namespace, "-f", "-", "-o", "json", ...flags], object));
}

const names = (list: readonly { name: string }[] | undefined) => (list ?? []).map(({ name }) => name);

test("the configuration has Weir's authority, and nothing else of it changed", async () => {
  const ca = await readFile(join(folder, "data/private/ca/ca.crt"), "utf8");
  assert.deepEqual(await bundles(), [Buffer.from(ca).toString("base64"), Buffer.from(ca).toString("base64")]);
});

test("a pod of a labelled namespace has Envoy, its authority and its probes as the API server stored it; others have not", async () => {
  const { spec, metadata } = await create("shop", pod("web"));
  assert.deepEqual(names(spec.initContainers), ["weir-iptables", "weir-envoy"]);
  assert.deepEqual(names(spec.volumes), ["weir-token", "weir-sds"]);
  assert.equal(metadata.labels["weir.dev/injected"], "true");
  assert.equal(metadata.annotations["weir.dev/ca"], await readFile(join(folder, "data/private/ca/ca.crt"), "utf8"));
  assert.match(spec.initContainers[1].args[1], /address: "weir\.weir-system\.svc", port_value: \d+/);
  const other = await create("default", pod("web"));
  assert.equal(other.spec.initContainers, undefined);
  const asking = await create("default", pod("asking", { labels: { "weir.dev/inject": "true" } }));
  assert.equal(asking.spec.initContainers.length, 2);
  for (const [index, no] of [{ labels: { "weir.dev/inject": "false" } }, { annotations: { "weir.dev/inject": "false" } }].entries())
    assert.equal((await create("shop", pod(`no-${index}`, no))).spec.initContainers, undefined);
});

test("a dry run is answered as the real one, and keeps nothing", async () => {
  const { spec } = await create("shop", pod("dry"), "--dry-run=server");
  assert.equal(spec.initContainers.length, 2);
  await assert.rejects(run(["get", "pod", "dry", "-n", "shop"]), /not found/);
});

test("a wrong annotation refuses the pod, and who made it reads why", async () => {
  await assert.rejects(
    create("shop", pod("wrong", { annotations: { "weir.dev/proxy-cpu": "lots" } })),
    /admission webhook "namespace\.weir\.dev" denied the request: annotation weir\.dev\/proxy-cpu takes a number of processors, for example 100m or 1, not "lots"/,
  );
});

test("where Pod Security forbids capture, a pod is refused with what to write; written, the API server's own check lets it pass", async () => {
  await assert.rejects(create("strict", pod("web")), /enforces the Pod Security level restricted.*weir\.dev\/ports: "8080=15080"/);
  const { spec } = await create("strict", pod("web", { annotations: { "weir.dev/ports": "8080=15080" } }));
  assert.deepEqual(names(spec.initContainers), ["weir-envoy"]);
  await run(["annotate", "namespace", "strict", "weir.dev/ports=8080=15080"]);
  assert.deepEqual(names((await create("strict", pod("other"))).spec.initContainers), ["weir-envoy"]);
});

/** Puts a container, an environment variable, a volume and annotations into a pod that asks for it, as Dapr's injector does. */
async function startOtherInjector(): Promise<{ port: number; ca: string; calls: () => number }> {
  const authority = createAuthority("other");
  const { cert, key } = authority.issue("localhost");
  let calls = 0;
  const server = createServer({ cert, key }, async (request, response) => {
    calls++;
    const { request: asked } = JSON.parse(Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>)).toString());
    const { spec, metadata } = asked.object;
    const sidecar = {
      ...{ name: "daprd", image: "daprd:1", volumeMounts: [{ name: "dapr", mountPath: "/dapr" }] },
      ports: [{ name: "dapr-http", containerPort: 3500 }],
      livenessProbe: { httpGet: { path: "/v1.0/healthz", port: 3500 } },
    };
    const containers = spec.containers.map((container: { name: string; env?: object[] }) => ({
      ...container,
      env: [...(container.env ?? []), { name: "DAPR_HTTP_PORT", value: "3500" }],
    }));
    const patch = [
      { op: "add", path: "/spec/containers", value: [...containers, sidecar] },
      { op: "add", path: "/spec/volumes", value: [...(spec.volumes ?? []), { name: "dapr", emptyDir: {} }] },
      { op: "add", path: "/metadata/annotations", value: { ...metadata.annotations, "dapr.io/injected": "true" } },
    ];
    const isDone = spec.containers.some(({ name }: { name: string }) => name === "daprd");
    const more = isDone ? {} : { patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(patch)).toString("base64") };
    const answer = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: { uid: asked.uid, allowed: true, ...more } };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(async () => server.close());
  return { port: (server.address() as AddressInfo).port, ca: Buffer.from(authority.cert).toString("base64"), calls: () => calls };
}

test("beside another injector a pod has both sidecars once, whichever is asked first", async (t) => {
  const other = await startOtherInjector();
  // Webhooks are asked in the order of their configurations' names, and again where one after them changed the pod.
  for (const [name, order] of [
    ["a-dapr", "first"],
    ["z-dapr", "last"],
  ] as const) {
    await run(["create", "-f", "-"], webhookConfiguration(name, `https://localhost:${other.port}/`, other.ca));
    const created = await eventually(
      "both",
      async () => {
        const { spec, metadata } = await create("shop", pod("both"), "--dry-run=server");
        return spec.containers.length > 1 ? { spec, metadata } : undefined;
      },
      10_000,
    );
    const { spec, metadata } = created;
    assert.deepEqual(names(spec.containers), ["app", "daprd"], order);
    assert.deepEqual(names(spec.initContainers), ["weir-iptables", "weir-envoy"], order);
    assert.deepEqual(names(spec.volumes).sort(), ["dapr", "weir-sds", "weir-token"], order);
    assert.deepEqual(spec.containers[0].env, [{ name: "DAPR_HTTP_PORT", value: "3500" }]);
    assert.deepEqual([metadata.annotations["dapr.io/injected"], metadata.labels["weir.dev/injected"]], ["true", "true"]);
    // The other's ports are led through Envoy where it came first; its probe then reaches it beside the filters.
    const probe = spec.containers[1].livenessProbe.httpGet;
    assert.deepEqual(
      [metadata.annotations["weir.dev/inbound"], probe.path, probe.port],
      order === "first"
        ? ["capture 8080 (http), 3500 (detected)", "/probes/daprd/livenessProbe", 15021]
        : ["capture 8080 (http)", "/v1.0/healthz", 3500],
    );
    await run(["delete", "mutatingwebhookconfiguration", name]);
  }
  t.diagnostic(`the other injector was asked ${other.calls()} times`);
});

test("while Weir is down a labelled namespace gets no new pods, with the API server's words; others do", async () => {
  await weir.stop();
  await assert.rejects(create("shop", pod("down")), /failed calling webhook "namespace\.weir\.dev".*connect: connection refused/);
  await create("default", pod("down"));
  await create("shop", pod("no", { labels: { "weir.dev/inject": "false" } }));
  await weir.start();
  assert.equal((await create("shop", pod("up"))).spec.initContainers.length, 2);
});

test("another Weir's authority takes the old one's place in the configuration", async () => {
  await weir.stop();
  const old = await bundles();
  const other = await startInjector({ cluster, data: join(folder, "other"), port });
  cleanups.push(other.stop);
  await eventually("the new authority", async () => (await bundles())[0] !== old[0], 10_000);
  await eventually("a pod", async () => (await create("shop", pod("new"))).spec.initContainers.length === 2, 10_000);
});
