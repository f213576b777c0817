import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { connect } from "node:tls";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import { hostileModule } from "./support/hostile/modules.ts";
import { lacksForNode } from "./support/kubernetes/index.ts";
import { startTenants, type Tenants } from "./support/kubernetes/tenants.ts";
import { filterOf, untilFilter } from "./support/kubernetes/weir.ts";
import { eventually } from "./support/process.ts";
import { assemble, headerFilter } from "./support/wat.ts";
import { condition } from "./support/weir.ts";

/** The operator's pod as Kubernetes runs it: what it takes, and what it goes through without a restart. */
const lacks = await lacksForNode();
const needsNode = { skip: lacks ?? false };
const REPLICAS = 6;
const MODULE_BYTES = 3_300_000;
const MIB = 1 << 20;
/** The prover's, small enough for a module to eat. */
const PROVER_MEMORY = "260Mi";

let tenants: Tenants;

before(async () => {
  if (lacks !== undefined) return;
  tenants = await startTenants({ values: ["--set", `prover.resources.limits.memory=${PROVER_MEMORY}`] });
  await tenants.add("shop", REPLICAS);
});
after(() => tenants?.stop());

interface Usage {
  readonly name: string;
  readonly cpu: { readonly time: string; readonly usageCoreNanoSeconds: number };
  readonly memory: { readonly workingSetBytes: number; readonly rssBytes: number };
}

/** What the kubelet says that the containers of the operator's pod take. https://kubernetes.io/docs/reference/instrumentation/node-metrics/ */
async function usage(): Promise<readonly Usage[]> {
  const { metadata } = await tenants.operator();
  const summary = JSON.parse(await tenants.cluster.kubectl(["get", "--raw", "/api/v1/nodes/node/proxy/stats/summary"]));
  const pod = summary.pods.find(({ podRef }: { podRef: { uid: string } }) => podRef.uid === metadata.uid);
  assert.ok(pod?.containers?.length > 0, "the kubelet has no figures of the operator yet");
  return pod.containers;
}

const restarts = async () => {
  const { status } = await tenants.operator();
  return Object.fromEntries(status.containerStatuses.map(({ name, restartCount }) => [name, restartCount]));
};

describe("the operator's pod", () => {
  test("with six sidecars and a module of 3.3 MB: memory, idle CPU, start to ready", needsNode, async (t) => {
    const { image } = await tenants.registry.push(
      "filters/large:1",
      await headerFilter({ name: "x-large", value: "yes", padding: MODULE_BYTES }),
    );
    const metadata = { name: "large", namespace: "shop" };
    await tenants.cluster.apply({ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata, spec: { image } });
    const updated = ({ status }: { status?: { proxies?: { updated?: number } } }) => status?.proxies?.updated === REPLICAS;
    await untilFilter(tenants.cluster, ["shop", "large"], "the large module in all pods", updated);
    const first = await eventually("figures", usage, 60_000, 1_000);
    const later = await eventually(
      "figures of a minute",
      async () => {
        const now = await usage();
        const passed = Date.parse(now[0]?.cpu.time ?? "") - Date.parse(first[0]?.cpu.time ?? "");
        return passed >= 40_000 ? now : undefined;
      },
      90_000,
      1_000,
    );
    let memory = 0;
    let cpu = 0;
    for (const { name, ...now } of later) {
      const before = first.find((each) => each.name === name);
      assert.ok(before !== undefined);
      const seconds = (Date.parse(now.cpu.time) - Date.parse(before.cpu.time)) / 1_000;
      const share = (now.cpu.usageCoreNanoSeconds - before.cpu.usageCoreNanoSeconds) / 1e9 / seconds;
      const { workingSetBytes, rssBytes } = now.memory;
      t.diagnostic(
        `${name}: ${(workingSetBytes / MIB).toFixed(0)} MiB working set, ${(rssBytes / MIB).toFixed(0)} MiB of its own, ${(share * 100).toFixed(2)} % of a core idle`,
      );
      memory += workingSetBytes;
      cpu += share;
    }
    t.diagnostic(`the pod: ${(memory / MIB).toFixed(0)} MiB, ${(cpu * 100).toFixed(2)} % of a core`);
    assert.ok(memory < 250 * MIB, `${memory} bytes`);
    assert.ok(cpu < 0.05, `${cpu} of a core`);

    const { metadata: old } = await tenants.operator();
    const ended = performance.now();
    await tenants.cluster.kubectl(["delete", "pod", "-n", "weir-system", old.name, "--wait=false"]);
    const next = () =>
      tenants.operator().then(
        (pod) => (pod.metadata.uid === old.uid ? undefined : pod),
        () => undefined,
      );
    await eventually("the next pod", next, 60_000, 50);
    const made = performance.now();
    const isReady = async () =>
      (await next())?.status.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
    await eventually("its readiness", isReady, 60_000, 50);
    const ready = performance.now();
    t.diagnostic(
      `start to ready: ${(ready - made).toFixed(0)} ms from the pod's creation; ${(ready - ended).toFixed(0)} ms from the end of the one before`,
    );
    assert.ok(ready - made < 60_000);
  });

  test("modules that would eat the prover's memory cost the operator nothing", needsNode, async (t) => {
    const modules = [
      ["writes to all memory that it can get", await assemble(EATER)],
      ...(await Promise.all(
        ["has the host copy 250 MB", "grows its memory to the end"].map(async (kind) => [kind, await hostileModule(kind, 1)] as const),
      )),
    ] as const;
    for (const [index, [kind, module]] of modules.entries()) {
      const { message } = await prove(`hostile-${index}`, module);
      t.diagnostic(`${kind}: ${message}`);
    }
    t.diagnostic(`restarts: ${JSON.stringify(await restarts())}`);
    assert.equal((await restarts()).weir, 0);
  });

  test(
    "a prover that is killed, as for its memory, starts again beside an operator that does not, and modules are proved as before",
    needsNode,
    async (t) => {
      const { cluster } = tenants;
      const { containerID = "" } = (await tenants.operator()).status.containerStatuses.find(({ name }) => name === "prover") ?? {};
      await cluster.killContainer(containerID);
      await eventually("its restart", async () => ((await restarts()).prover ?? 0) > 0, 60_000, 500);
      const { reason } = await prove("after-the-kill", await headerFilter({ name: "x-after", value: "kill" }), "True");
      assert.equal(reason, "Validated");
      t.diagnostic(`restarts: ${JSON.stringify(await restarts())}`);
      assert.equal((await restarts()).weir, 0);
    },
  );
});

/** Takes memory as long as it is given some, and writes to all of it, so that it is used. */
const EATER = `(module (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (local $page i32)
    (loop $more
      (local.set $page (memory.grow (i32.const 16)))
      (if (i32.ge_s (local.get $page) (i32.const 0)) (then
        (memory.fill (i32.shl (local.get $page) (i32.const 16)) (i32.const 7) (i32.const 1048576))
        (br $more))))
    (i32.const 1)))`;

/** Applies a filter of this module to no pod, and gives what Weir says of the proof. Removes it again. */
async function prove(name: string, module: Uint8Array, status?: "True" | "False") {
  const { cluster, registry } = tenants;
  const { image } = await registry.push(`filters/${name}:1`, module);
  await cluster.apply({ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name, namespace: "default" }, spec: { image } });
  const told = (filter: WasmFilter) => new RegExp(`^${status ?? "(True|False)"} `).test(condition(filter, "Validated"));
  const filter = await untilFilter(cluster, ["default", name], `the proof of ${name}`, told, 120_000);
  await cluster.kubectl(["delete", "wasmfilter", name, "-n", "default"]);
  const found = filter.status?.conditions?.find(({ type }) => type === "Validated");
  assert.ok(found !== undefined);
  return found;
}

describe("certificates", () => {
  test(
    "the authority is rotated under requests: none fails, none is unfiltered, and who starts in between is served too",
    needsNode,
    async (t) => {
      const { cluster } = tenants;
      await tenants.mark("shop", "zero", REPLICAS);
      const load = await tenants.visit("shop");
      const before = await load.totals();
      const secret = ["secret", "weir-authority", "-n", "weir-system"];
      const data = async () => (await cluster.get<{ data: Record<string, string> }>(secret)).data;
      const annotate = (name: string, value: string) =>
        cluster.kubectl(["annotate", ...secret, `weir.dev/${name}=${value}`, "--overwrite"]);
      const old = (await data())["ca.crt"];
      const service = (await cluster.get(["service", "weir", "-n", "weir-system"])).spec.clusterIP;
      const port = await cluster.forward(service, 18000);

      await annotate("rotate", "now");
      const next = await eventually("the next authority", async () => (await data())["next.crt"], 30_000, 200);
      await eventually(
        "it is in every pod's annotation",
        async () => (await annotations()).every((text) => count(text) === 2),
        60_000,
        500,
      );
      await eventually("it is in every pod's files", async () => (await files()).every((text) => count(text) === 2), 120_000, 1_000);
      await annotate("next-signs-at", new Date().toISOString());
      await eventually("the next one signs", async () => (await data())["ca.crt"] === next, 30_000, 200);
      await eventually("the server's certificate is of the next one", async () => (await issuerOf(port, next)) === "issued", 30_000, 200);
      await tenants.mark("shop", "one", REPLICAS);
      await cluster.kubectl(["rollout", "restart", "-n", "shop", "deployment/web"]);
      await cluster.kubectl(["rollout", "status", "-n", "shop", "deployment/web", "--timeout=240s"]);
      await tenants.mark("shop", "two", REPLICAS);
      await annotate("previous-counts-until", new Date().toISOString());
      await eventually("the one before is gone", async () => !("previous.crt" in (await data())), 30_000, 200);
      await eventually("it is gone from the pods", async () => (await annotations()).every((text) => count(text) === 1), 60_000, 500);
      await tenants.mark("shop", "three", REPLICAS);

      const totals = await load.since(before);
      t.diagnostic(JSON.stringify(totals));
      assert.notEqual((await data())["ca.crt"], old);
      assert.deepEqual([totals.failed, totals.unfiltered], [0, 0]);
      assert.equal((await restarts()).weir, 0);
      assert.equal(condition(await filterOf(cluster, "shop", "mark"), "Ready"), "True Ready");
    },
  );
});

const count = (text: string): number => text.split("-----BEGIN CERTIFICATE-----").length - 1;

async function injectedPods(): Promise<readonly { metadata: { uid: string; annotations: Record<string, string> } }[]> {
  return (await tenants.cluster.get(["pods", "-n", "shop", "-l", "app=web"])).items;
}

const annotations = async (): Promise<string[]> => (await injectedPods()).map(({ metadata }) => metadata.annotations["weir.dev/ca"] ?? "");

/** What Envoy sees of that annotation. */
const files = async (): Promise<string[]> =>
  Promise.all(
    (await injectedPods()).map(async ({ metadata: { uid } }) => {
      const folder = `/run/weir/kubelet/pods/${uid}/volumes/kubernetes.io~downward-api/weir-sds`;
      return (await tenants.cluster.run("sh", ["-c", `cat ${folder}/*ca*`])).stdout;
    }),
  );

/** Whether the certificate that the xDS server shows is of this authority (PEM in base64). */
async function issuerOf(port: number, authority: string): Promise<"issued" | "of another"> {
  const socket = connect({ port, host: "127.0.0.1", servername: "weir.weir-system.svc", rejectUnauthorized: false, ALPNProtocols: ["h2"] });
  await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  const shown = new X509Certificate(socket.getPeerCertificate().raw);
  socket.destroy();
  return shown.checkIssued(new X509Certificate(Buffer.from(authority, "base64"))) ? "issued" : "of another";
}
