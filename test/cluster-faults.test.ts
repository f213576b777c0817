import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ROOT } from "../scripts/tests/files.ts";
import { type Kubernetes, lacksForNode, startKubernetes } from "./support/kubernetes/index.ts";
import { namespace } from "./support/kubernetes/pods.ts";
import { CHART, chartValues, filterOf, type SharedRegistry, startSharedRegistry, untilFilter } from "./support/kubernetes/weir.ts";
import { eventually } from "./support/process.ts";
import { headerFilter } from "./support/wat.ts";
import { condition } from "./support/weir.ts";

/** What a cluster does to a Weir that is installed in it: disks fill up, pods are evicted, namespaces end while they are used. */
const lacks = await lacksForNode();
const needsNode = { skip: lacks ?? false };
const RELEASE = ["weir", "-n", "weir-system"];
let cluster: Kubernetes;
let registry: SharedRegistry;
let small: string;

const filter = (name: string, namespace: string, image: string, rest: object = {}): object => ({
  ...{ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name, namespace, ...rest } },
  spec: { image },
});
const untilReady = (name: string, namespace = "default") =>
  untilFilter(cluster, [namespace, name], `${name} ready`, (seen) => condition(seen, "Ready") === "True Ready");
const operator = async () => {
  const { items } = await cluster.get(["pods", "-n", "weir-system", "-l", "app.kubernetes.io/name=weir"]);
  return items.find(({ metadata }: { metadata: { deletionTimestamp?: string } }) => metadata.deletionTimestamp === undefined);
};
const restarts = async (): Promise<number> => (await operator()).status.containerStatuses[0].restartCount;

/** A volume of so many bytes, on the node. */
const VOLUME = "/run/weir/small-volume";
const claim = [
  {
    ...{ apiVersion: "v1", kind: "PersistentVolume", metadata: { name: "small" } },
    spec: { capacity: { storage: "2Mi" }, accessModes: ["ReadWriteOnce"], hostPath: { path: VOLUME }, storageClassName: "by-hand" },
  },
  {
    ...{ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "small", namespace: "weir-system" } },
    spec: { accessModes: ["ReadWriteOnce"], storageClassName: "by-hand", resources: { requests: { storage: "1Mi" } } },
  },
];

before(async () => {
  if (lacks !== undefined) return;
  cluster = await startKubernetes({ images: ["weir"] });
  registry = await startSharedRegistry(cluster);
  await cluster.run("sh", ["-c", `mkdir ${VOLUME} && mount -t tmpfs -o size=2m,mode=777 tmpfs ${VOLUME}`]);
  await cluster.apply(namespace("weir-system"), ...claim);
  const store = ["--set", "persistence.enabled=true", "--set", "persistence.existingClaim=small"];
  await cluster.helm([
    "install",
    ...RELEASE,
    CHART,
    ...(await chartValues(cluster, registry.host)),
    ...store,
    "--wait",
    "--timeout",
    "120s",
  ]);
  small = (await registry.push("filters/small:1", await headerFilter({ name: "x-weir", value: "small" }))).image;
});
after(async () => {
  await cluster?.stop();
  await registry?.registry.stop();
});

describe("installed", () => {
  test(
    "a volume that is full: the filter says so, others are served, and it goes on by itself when there is room",
    needsNode,
    async (t) => {
      await cluster.apply(filter("small", "default", small));
      await untilReady("small");
      const { image } = await registry.push("filters/big:1", await headerFilter({ name: "x-weir", value: "big", padding: 3_300_000 }));
      await cluster.apply(filter("big", "default", image));
      const refused = await untilFilter(
        cluster,
        ["default", "big"],
        "the refusal",
        (seen) => condition(seen, "Ready") === "False StoreFailed",
      );
      const message = refused.status?.conditions?.find(({ type }) => type === "Ready")?.message ?? "";
      t.diagnostic(message);
      assert.match(message, /could not be kept on disk \(ENOSPC.*check the data folder and its free space; tried again with backoff/);
      assert.equal(condition(await filterOf(cluster, "default", "small"), "Ready"), "True Ready");
      await cluster.run("mount", ["-o", "remount,size=64m", VOLUME]);
      await untilReady("big");
      assert.equal(await restarts(), 0);
    },
  );

  test("an operator that is evicted: the next one goes on where it was", needsNode, async (t) => {
    const { metadata } = await operator();
    const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: metadata.name, namespace: "weir-system" } };
    const start = performance.now();
    await cluster.kubectl(["create", "--raw", `/api/v1/namespaces/weir-system/pods/${metadata.name}/eviction`, "-f", "-"], eviction);
    await eventually("another pod", async () => (await operator())?.metadata.name !== metadata.name, 60_000, 200);
    await cluster.kubectl(["rollout", "status", "-n", "weir-system", "deployment/weir", "--timeout=60s"]);
    t.diagnostic(`from eviction to ready again: ${(performance.now() - start).toFixed(0)} ms`);
    await cluster.apply(filter("after", "default", small));
    await untilReady("after");
    assert.equal((await filterOf(cluster, "default", "small"))?.status?.revision, 1, "nothing new was made of what was there");
  });

  test("a namespace that ends while its filters are served: nothing fails beside it, and nothing is held up", needsNode, async () => {
    await cluster.apply(namespace("ending"));
    await cluster.apply(filter("one", "ending", small), filter("held", "ending", small, { finalizers: ["test.example/hold"] }));
    await untilReady("held", "ending");
    await cluster.kubectl(["delete", "namespace", "ending", "--wait=false"]);
    await eventually("its first filter is gone", async () => (await filterOf(cluster, "ending", "one")) === undefined, 30_000, 200);
    await cluster.apply(filter("beside", "default", small));
    await untilReady("beside");
    await cluster.kubectl(["patch", "wasmfilter", "held", "-n", "ending", "--type=merge", "-p", '{"metadata":{"finalizers":null}}']);
    await cluster.kubectl(["wait", "--for=delete", "namespace/ending", "--timeout=60s"]);
    assert.equal(await restarts(), 0);
    const logs = await cluster.kubectl(["logs", "-n", "weir-system", "deploy/weir", "-c", "weir"]);
    const loud = logs.split("\n").filter((line) => line.includes('"level":"error"'));
    assert.deepEqual(loud, []);
    assert.ok(logs.split("\n").filter((line) => line.includes("ending")).length < 30, logs);
  });

  test("kinds of the first version: what they know is served", needsNode, async () => {
    const first = await readFile(join(ROOT, "test/fixtures/crds-first/wasmfilters.weir.dev.yaml"), "utf8");
    await cluster.kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], first);
    const { metadata } = await operator();
    await cluster.kubectl(["delete", "pod", "-n", "weir-system", metadata.name]);
    await cluster.kubectl(["rollout", "status", "-n", "weir-system", "deployment/weir", "--timeout=60s"]);
    await cluster.apply(filter("old-kinds", "default", small));
    await untilReady("old-kinds");
  });

  test("a second install is refused, with the name of the first", needsNode, async () => {
    const other = ["install", "other", "-n", "elsewhere", "--create-namespace", CHART, ...(await chartValues(cluster, registry.host))];
    await assert.rejects(
      cluster.helm([...other, "--set", "crds.install=false"]),
      /another Weir is in this cluster, in namespace weir-system/,
    );
  });
});
