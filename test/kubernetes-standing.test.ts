import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { digestOf } from "../model/digest.ts";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import { type KstatusStatus, kstatus } from "../operator/testing/kstatus.ts";
import { type Cluster, installCrds, kubectl, startCluster } from "./support/cluster.ts";
import { runLua } from "./support/lua.ts";
import { eventually } from "./support/process.ts";
import { createSnippets } from "./support/snippets.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { badModules, headerFilter } from "./support/wat.ts";
import { startWeir, type Weir } from "./support/weir.ts";

/** Who Weir is to the API server. */
const OPERATOR = "operator";
const ROOT = fileURLToPath(new URL("../", import.meta.url));

interface World {
  readonly cluster: Cluster;
  readonly url: string;
  readonly data: string;
  readonly modules: Map<string, Uint8Array>;
  server: Weir | undefined;
}

let world: World;
let health: string;
let good: Uint8Array;
const open: (() => Promise<unknown>)[] = [];

const kube = (args: readonly string[], input?: string) => kubectl(args, { kubeconfig: world.cluster.kubeconfig, input });

before(async () => {
  health = await readFile(join(ROOT, "deploy/argocd/health.lua"), "utf8");
  good = await headerFilter({ name: "x-standing", value: "good" });
  const folder = await createTempFolder("standing");
  open.push(folder.remove);
  const modules = new Map<string, Uint8Array>();
  const files = createServer((request, response) => {
    const module = modules.get(request.url ?? "");
    response.writeHead(module === undefined ? 404 : 200).end(module);
  });
  await new Promise<void>((resolve) => files.listen(0, "127.0.0.1", resolve));
  open.push(async () => files.close());
  const cluster = await startCluster({ users: [OPERATOR] });
  open.push(cluster.stop);
  const data = join(folder.path, "data");
  await mkdir(data);
  world = { cluster, url: `http://127.0.0.1:${(files.address() as AddressInfo).port}`, data, modules, server: undefined };
});

after(async () => {
  await world?.server?.stop();
  for (const close of open.reverse()) await close();
});

function manifest(name: string, module: Uint8Array | undefined, more: object = {}): string {
  const code = module ?? Buffer.from(name);
  if (module !== undefined) world.modules.set(`/${name}`, module);
  const spec = { url: `${world.url}/${name}`, sha256: digestOf(code), ...more };
  return JSON.stringify({ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name, namespace: "default" }, spec });
}

const read = async (name: string) => JSON.parse(await kube(["get", "wf", name, "-o", "json"])) as WasmFilter;

interface Standing {
  readonly kstatus: KstatusStatus;
  readonly argo: string;
}

/** What Flux and what Argo CD make of the object. */
async function judge(filter: WasmFilter): Promise<Standing & { readonly message: string }> {
  const { status, message } = (await runLua(health, filter)) as { status: string; message: string };
  assert.equal(kstatus(filter, true), kstatus(filter, false));
  return { kstatus: kstatus(filter), argo: status, message };
}

async function standing(name: string): Promise<Standing> {
  const { kstatus, argo } = await judge(await read(name));
  return { kstatus, argo };
}

async function becomes(name: string, expected: Standing, reason: RegExp): Promise<WasmFilter> {
  let last: WasmFilter | undefined;
  return eventually(
    `${name} is ${expected.kstatus} and ${expected.argo}`,
    async () => {
      last = await read(name);
      const found = await judge(last);
      const ready = last.status?.conditions?.find(({ type }) => type === "Ready");
      return found.kstatus === expected.kstatus && found.argo === expected.argo && reason.test(ready?.reason ?? "") ? last : undefined;
    },
    30_000,
  ).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(last?.status, null, 1)}`);
  });
}

const GOOD: Standing = { kstatus: "Current", argo: "Healthy" };
const BUSY: Standing = { kstatus: "InProgress", argo: "Progressing" };
const FAILED: Standing = { kstatus: "Failed", argo: "Degraded" };

test("with a CRD of before the default, filters become ready as they did", async () => {
  await installCrds(world.cluster, join(ROOT, "test/fixtures/crds-first"));
  await kube(["apply", "-f", "-"], manifest("early", good));
  assert.equal((await read("early")).status, undefined);
  assert.equal((await standing("early")).argo, "Progressing", "Argo CD waits, whatever the CRD");
  await installCrds(world.cluster);
  assert.deepEqual((await read("early")).status, { observedGeneration: -1 });
});

test("an object that no Weir has seen is in progress, and applying it again changes nothing", async () => {
  const text = manifest("good", good);
  await kube(["apply", "-f", "-"], text);
  assert.deepEqual(await standing("good"), BUSY);
  const version = (await read("good")).metadata.resourceVersion;
  assert.match(await kube(["apply", "-f", "-"], text), /unchanged/);
  await kube(["apply", "--server-side", "--field-manager", "gitops", "-f", "-"], manifest("by-server", good));
  assert.equal((await read("good")).metadata.resourceVersion, version);
});

test("then Weir says how it is: in force, refused for good, not there yet, held back", async () => {
  await kube(["apply", "-f", "docs/rbac.yaml"]);
  await kube(["create", "clusterrolebinding", "weir", "--clusterrole", "weir", "--user", OPERATOR]);
  await kube(["apply", "-f", "-"], manifest("junk", await badModules.junk()));
  await kube(["apply", "-f", "-"], manifest("absent", undefined));
  const server = await startWeir({
    source: ["--kubeconfig", await world.cluster.kubeconfigFor(OPERATOR)],
    data: world.data,
    flags: ["--allow-address", "127.0.0.1"],
  });
  world.server = server;
  await becomes("junk", FAILED, /NotWasm/);
  await becomes("absent", BUSY, /NotFound/);
  await becomes("good", GOOD, /Ready/);
  await becomes("early", GOOD, /Ready/);
  await becomes("by-server", GOOD, /Ready/);
  const version = (await read("good")).metadata.resourceVersion;
  assert.match(await kube(["apply", "-f", "-"], manifest("good", good)), /unchanged/);
  assert.equal((await read("good")).metadata.resourceVersion, version, "a status that Weir wrote stays when a manifest comes again");
  const applied = (await read("by-server")).metadata.resourceVersion;
  await kube(["apply", "--server-side", "--field-manager", "gitops", "-f", "-"], manifest("by-server", good));
  assert.equal((await read("by-server")).metadata.resourceVersion, applied, "the same by server-side apply");
});

test("docs/status.md has the very script that is tested, as a ConfigMap that can be applied", async () => {
  const [block = ""] = (await createSnippets("status")).unnamed();
  const config = parse(block) as { data: Record<string, string> };
  assert.equal(config.data["resource.customizations.health.weir.dev_WasmFilter"], health);
  await kube(["create", "namespace", "argocd"]);
  await kube(["apply", "-f", "-"], block);
  await writeFile(join(world.data, "..", "argocd-cm.yaml"), block);
  await kube([
    "-n",
    "argocd",
    "patch",
    "configmap",
    "argocd-cm",
    "--type",
    "merge",
    "--patch-file",
    join(world.data, "..", "argocd-cm.yaml"),
  ]);
});

const readyMessage = ({ status }: WasmFilter) => status?.conditions?.find(({ type }) => type === "Ready")?.message ?? "";

test("a right that Weir lacks is named in the API server's words, and nothing is to do once it is granted", async () => {
  const role = JSON.parse(await kube(["get", "clusterrole", "weir", "-o", "json"])) as {
    rules: { resources: string[]; verbs: string[] }[];
  };
  const rule = role.rules.find(({ resources }) => resources.includes("controllerrevisions"));
  assert.ok(rule !== undefined);
  assert.ok(rule.verbs.includes("create"));
  rule.verbs = rule.verbs.filter((verb) => verb !== "create");
  await kube(["replace", "-f", "-"], JSON.stringify(role));
  await kube(["apply", "-f", "-"], manifest("unrecorded", good));
  const refused = await becomes("unrecorded", BUSY, /RevisionForbidden/);
  assert.match(
    readyMessage(refused),
    /User "operator" cannot create resource "controllerrevisions" in API group "apps" .*docs\/rbac\.yaml/,
  );
  await kube(["apply", "-f", "docs/rbac.yaml"]);
  await becomes("unrecorded", GOOD, /Ready/);
});

test("where Weir may not write the status, an Event says so", async () => {
  const role = JSON.parse(await kube(["get", "clusterrole", "weir", "-o", "json"])) as {
    rules: { resources: string[]; verbs: string[] }[];
  };
  const rules = role.rules.filter(({ resources }) => !resources.includes("wasmfilters/status"));
  assert.equal(rules.length, role.rules.length - 1);
  await kube(["replace", "-f", "-"], JSON.stringify({ ...role, rules }));
  await kube(["apply", "-f", "-"], manifest("untold", good));
  await eventually("the Event", async () => {
    const events = await kube(["get", "events", "--field-selector", "involvedObject.name=untold,reason=StatusNotWritten", "-o", "json"]);
    const [event] = (JSON.parse(events) as { items: { message: string }[] }).items;
    return /User "operator" cannot update resource "wasmfilters\/status"/.test(event?.message ?? "");
  });
  assert.deepEqual(await standing("untold"), BUSY);
  await kube(["apply", "-f", "docs/rbac.yaml"]);
  await becomes("untold", GOOD, /Ready/);
});

test("a namespace that is being deleted is named as the cause", async () => {
  await kube(["create", "namespace", "dying"]);
  const dying = (module: Uint8Array | undefined) => manifest("late", module).replace('"namespace":"default"', '"namespace":"dying"');
  await kube(["apply", "-f", "-"], dying(undefined).replace(digestOf(Buffer.from("late")), digestOf(good)));
  await kube(["delete", "namespace", "dying", "--wait=false"]);
  world.modules.set("/late", good);
  await eventually(
    "the cause",
    async () => {
      const filter = JSON.parse(await kube(["-n", "dying", "get", "wf", "late", "-o", "json"])) as WasmFilter;
      const ready = filter.status?.conditions?.find(({ type }) => type === "Ready");
      return ready?.reason === "NamespaceTerminating" && /because it is being terminated/.test(ready.message);
    },
    30_000,
  );
});

test("a configuration that the API server took is recorded, and one that cannot be is refused before anything is written", async (t) => {
  const list = Array.from({ length: 70_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}/32`);
  await kube(["create", "-f", "-"], manifest("list", good, { config: list }));
  let state = 1;
  const noise = Uint8Array.from({ length: 1_140_000 }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 16;
  });
  const text = Buffer.from(noise).toString("base64");
  await kube(["create", "-f", "-"], manifest("most", good, { config: text.slice(0, 1_498_000) }));
  await kube(["create", "-f", "-"], manifest("too-large", good, { config: text }));
  const refused = await becomes("too-large", FAILED, /RevisionTooLarge/);
  assert.match(
    readyMessage(refused),
    /takes 1,52\d,\d{3} bytes, 1,500,000 at most; its configuration has 1,520,000 bytes: make it smaller/,
  );
  await becomes("list", GOOD, /Ready/);
  await becomes("most", GOOD, /Ready/);
  const records = JSON.parse(await kube(["get", "controllerrevisions", "-o", "json"])) as {
    items: { metadata: { name: string }; data: object }[];
  };
  const sizeOf = (name: string) =>
    JSON.stringify(records.items.find(({ metadata }) => metadata.name.startsWith(`${name}-`))?.data ?? "").length;
  t.diagnostic(
    `${JSON.stringify(list).length} characters of config in a record of ${sizeOf("list")}; ${sizeOf("most")} bytes is a record that etcd takes`,
  );
  assert.ok(sizeOf("list") < 300_000);
  assert.equal(sizeOf("too-large"), 2);
});
