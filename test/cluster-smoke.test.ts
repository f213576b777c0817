import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { after, before, test } from "node:test";
import { type Kubernetes, lacksForNode, startKubernetes } from "./support/kubernetes/index.ts";
import { appPod, appService, namespace, resources, restricted } from "./support/kubernetes/pods.ts";
import { eventually, startProcess } from "./support/process.ts";

/** What the cluster tests stand on: a cluster with a node, whose pods have names, Services and tokens. */
const lacks = await lacksForNode();
const needsNode = { skip: lacks ?? false };
let cluster: Kubernetes;

before(async () => {
  if (lacks === undefined) cluster = await startKubernetes({ images: ["weir", "envoy"] });
});
after(() => cluster?.stop());

test("two pods are ready, and one gets an answer of the other by the name of its Service", needsNode, async (t) => {
  for (const [step, ms] of cluster.times) t.diagnostic(`${step}: ${ms.toFixed(0)} ms`);
  const start = performance.now();
  await cluster.apply(namespace("smoke"), appPod("one", "smoke"), appPod("two", "smoke"), appService("one", "smoke"));
  await cluster.kubectl(["wait", "--namespace=smoke", "--for=condition=Ready", "pod/one", "pod/two", "--timeout=60s"]);
  t.diagnostic(`two pods ready: ${(performance.now() - start).toFixed(0)} ms`);
  const answer = await eventually(
    "an answer",
    () => cluster.exec(["two", "-n", "smoke"], ["/app", "get", "http://one/hello"]),
    10_000,
    200,
  );
  assert.match(answer, /^HTTP\/1.1 200 OK\n/);
  assert.match(answer, /X-App: one/);
  const { ip } = (await cluster.get(["pod", "two", "-n", "smoke"])).status.podIPs[0];
  assert.match(answer, new RegExp(`"from":"${ip}:`), "the source address is the pod's own");
});

test("a pod has a token of the audience that it names", needsNode, async () => {
  const projected = { sources: [{ serviceAccountToken: { audience: "weir.dev", expirationSeconds: 3600, path: "token" } }] };
  const mounted = { volumeMounts: [{ name: "token", mountPath: "/var/run/secrets/weir.dev", readOnly: true }] };
  const pod = appPod("three", "default", undefined, { volumes: [{ name: "token", projected }] }) as { spec: { containers: object[] } };
  Object.assign(pod.spec.containers[0] ?? {}, mounted);
  await cluster.apply(pod);
  await cluster.kubectl(["wait", "--for=condition=Ready", "pod/three", "--timeout=60s"]);
  const token = await cluster.exec(["three"], ["cat", "/var/run/secrets/weir.dev/token"]);
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
  assert.deepEqual(
    [claims.aud, claims.sub, claims["kubernetes.io"].pod.name],
    [["weir.dev"], "system:serviceaccount:default:default", "three"],
  );
});

test("the project's images run, as a user of no rights", needsNode, async () => {
  for (const [name, args, expected] of [
    ["weir", ["version"], /^weir \d+\.\d+\.\d+ \(Node 24\./],
    ["envoy", ["--version"], /version: /],
  ] as const) {
    const image = await cluster.load.image(name);
    const container = { name, image, imagePullPolicy: "Never", args, securityContext: restricted, resources };
    await cluster.apply({ apiVersion: "v1", kind: "Pod", metadata: { name }, spec: { restartPolicy: "Never", containers: [container] } });
    await cluster.kubectl(["wait", "--for=jsonpath={.status.phase}=Succeeded", `pod/${name}`, "--timeout=60s"]);
    assert.match(await cluster.kubectl(["logs", name]), expected);
  }
});

test("Pod Security holds: a privileged pod is refused in a restricted namespace", needsNode, async () => {
  await cluster.apply(namespace("strict", { "pod-security.kubernetes.io/enforce": "restricted" }));
  await cluster.apply(appPod("fine", "strict"));
  const pod = appPod("bad", "strict", undefined, { hostNetwork: true });
  await assert.rejects(cluster.apply(pod), /violates PodSecurity "restricted/);
});

test("this machine's loopback and the cluster's network reach each other", needsNode, async () => {
  const { podIP } = (await cluster.get(["pod", "one", "-n", "smoke"])).status;
  const port = await cluster.forward(podIP, 8080);
  const seen = (await (await fetch(`http://127.0.0.1:${port}/from-outside`)).json()) as { path: string };
  assert.equal(seen.path, "/from-outside");
  const address = await cluster.expose(port);
  assert.match(await cluster.exec(["two", "-n", "smoke"], ["/app", "get", `http://${address}/back`]), /"path":"\/back"/);
});

test(
  "a second cluster, of a test that is killed, leaves no process and no mount, and its cgroups and files go when the next one starts",
  needsNode,
  async (t) => {
    const program = `import { startKubernetes } from ${JSON.stringify(new URL("./support/kubernetes/index.ts", import.meta.url).href)};
    const cluster = await startKubernetes();
    console.log("up", await cluster.kubectl(["get", "nodes"]));`;
    const other = await startProcess(process.execPath, ["--input-type=module-typescript", "--eval", program]);
    t.after(() => other.kill());
    await other.waitFor("the other cluster", (logs) => /up.*Ready/s.test(logs), 60_000);
    const below = await descendants(other.pid);
    assert.ok(below.length > 10, `${below.length} processes`);
    await other.kill();
    await eventually(
      "the end of its processes",
      async () => (await Promise.all(below.map(isRunning))).every((running) => !running),
      10_000,
    );
    const third = await startKubernetes();
    t.after(() => third.stop());
    const cgroups = await readdir("/sys/fs/cgroup", { recursive: true });
    assert.deepEqual(
      cgroups.filter((path) => path.includes(`-${other.pid}-`) && !path.slice(path.indexOf("weir")).includes("/")),
      [],
    );
    assert.deepEqual(
      (await readdir(tmpdir())).filter((name) => name.startsWith(`weir-kubernetes-${other.pid}-`)),
      [],
    );
    assert.match(
      await cluster.exec(["two", "-n", "smoke"], ["/app", "get", "http://one/still"]),
      /"path":"\/still"/,
      "the first one did not notice",
    );
  },
);

async function descendants(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  const children = text.trim().split(" ").filter(Boolean).map(Number);
  return [...children, ...(await Promise.all(children.map(descendants))).flat()];
}

async function isRunning(pid: number): Promise<boolean> {
  const state = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return state !== "" && !/\) Z /.test(state);
}
