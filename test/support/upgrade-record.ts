/**
 * Records what a Weir wrote, for the upgrade test: `node test/support/upgrade-record.ts CHECKOUT FIXTURE`. CHECKOUT is a working tree of the
 * commit to record, with its node_modules; FIXTURE a folder that holds the modules' texts. See the README of a recorded fixture.
 */
import { createHash } from "node:crypto";
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { pushModule } from "../../oci/index.ts";
import { kubectl, startCluster } from "./cluster.ts";
import { type DeltaProxy, startDeltaProxy } from "./delta-proxy.ts";
import { startRegistry } from "./registry.ts";
import { createTempFolder } from "./temp-folder.ts";
import { MODULES, manifestsOf, moduleOf, NAMESPACE, proxiesOf, type Step, stepsOf } from "./upgrade-scene.ts";
import { startWeir, type Weir } from "./weir.ts";

const [checkout = "", fixture = ""] = process.argv.slice(2);
const REFUSAL = `Unable to create Wasm plugin ${NAMESPACE}/refused`;

/** Waits until the status of every filter stands still. */
async function settled(server: Weir): Promise<readonly WasmFilter[]> {
  let before = "";
  for (let still = 0; still < 4; ) {
    await sleep(1_000);
    const response = await fetch(`${server.url}/api/v1/filters`);
    const text = await response.text();
    still = text === before ? still + 1 : 0;
    before = text;
  }
  return (JSON.parse(before) as { items: WasmFilter[] }).items;
}

/** Takes a server through the steps with its proxies connected. Returns the proxies as they stand at the end. */
async function play(
  server: Weir,
  steps: readonly Step[],
  apply: (manifests: ReadonlyMap<string, string>) => Promise<void>,
): Promise<readonly DeltaProxy[]> {
  const proxies = proxiesOf(Object.keys(steps[0]?.filters ?? {})).map((options) => startDeltaProxy(server.xdsPort, options));
  let filters: readonly WasmFilter[] = [];
  for (const [index, step] of steps.entries()) {
    for (const proxy of proxies) {
      for (const name of ["weir/risky", `weir/risky/${NAMESPACE}/refused`]) proxy.refuse(name, index === 1 ? REFUSAL : undefined);
    }
    await apply(manifestsOf(step, Object.fromEntries(filters.map(({ metadata }) => [metadata.name, metadata.generation ?? 0]))));
    filters = await settled(server);
    for (const { metadata, status } of filters) {
      const results = status?.history?.map(({ revision, result }) => `${revision} ${result}`).join(", ");
      console.log(`${index + 1} ${metadata.name}: revision ${status?.revision}, stable ${status?.stableRevision}; ${results}`);
    }
  }
  return proxies;
}

async function writeXds(folder: string, proxies: readonly DeltaProxy[], filters: Iterable<string>): Promise<void> {
  const options = proxiesOf(filters);
  const held = proxies.map((proxy, index) => ({ ...options[index], held: proxy.held() }));
  await writeFile(join(folder, "proxies.json"), `${JSON.stringify(held, undefined, 1)}\n`);
}

async function recordFolder(steps: readonly Step[], bin: string): Promise<void> {
  const temp = await createTempFolder("record");
  const filters = join(temp.path, "filters");
  const data = join(temp.path, "data");
  await mkdir(filters);
  const server = await startWeir({ bin, source: ["--filters", filters], data });
  const proxies = await play(server, steps, async (manifests) => {
    for (const [name, text] of manifests) await writeFile(join(filters, `${name}.yaml`), text);
  });
  await server.stop();
  const target = join(fixture, "folder");
  await rm(target, { recursive: true, force: true });
  await cp(filters, join(target, "manifests"), { recursive: true });
  await cp(join(data, "folder"), join(target, "data/folder"), { recursive: true });
  await writeStoreRecords(join(data, "modules"), join(target, "data/modules"));
  await writeXds(target, proxies, Object.keys(steps[0]?.filters ?? {}));
  for (const proxy of proxies) proxy.close();
  await temp.remove();
}

/** The module store without the modules themselves, which are binary and built again from their texts. */
async function writeStoreRecords(store: string, target: string): Promise<void> {
  await cp(store, target, { recursive: true, filter: (path) => !path.startsWith(join(store, "blobs")) });
}

async function recordCluster(steps: readonly Step[], bin: string): Promise<void> {
  const temp = await createTempFolder("record");
  const cluster = await startCluster();
  await kubectl(["apply", "-f", join(checkout, "crds/wasmfilters.weir.dev.yaml")], cluster);
  await kubectl(["wait", "--for=condition=Established", "crd/wasmfilters.weir.dev", "--timeout=30s"], cluster);
  await kubectl(["create", "namespace", NAMESPACE], cluster);
  process.env.WEIR_ALLOW_ADDRESS = "127.0.0.1"; // the registry's; commits before the variable do not look at it
  const server = await startWeir({ bin, source: ["--kubeconfig", cluster.kubeconfig], data: join(temp.path, "data") });
  const proxies = await play(server, steps, async (manifests) => {
    await kubectl(["apply", "-f", "-"], { ...cluster, input: [...manifests.values()].join("---\n") });
  });
  await server.stop();
  const target = join(fixture, "cluster");
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  for (const kind of ["wasmfilters", "controllerrevisions", "secrets", "configmaps"]) {
    await writeFile(join(target, `${kind}.json`), await kubectl(["get", kind, "-n", NAMESPACE, "-o", "json"], cluster));
  }
  await writeStoreRecords(join(temp.path, "data/modules"), join(target, "data/modules"));
  await writeXds(target, proxies, Object.keys(steps[0]?.filters ?? {}));
  for (const proxy of proxies) proxy.close();
  await cluster.stop();
  await temp.remove();
}

const registry = await startRegistry();
const modules = new Map<string, Uint8Array>();
const digests = new Map<string, string>();
for (const name of MODULES) {
  const bytes = await moduleOf(fixture, name);
  modules.set(name, bytes);
  const pushed = await pushModule(`${registry.host}/filters/${name}:1`, bytes, { keychain: new Map() });
  if (!pushed.ok) throw new Error(pushed.error.message);
  digests.set(name, pushed.value.digest);
}
const one = Buffer.from(modules.get("one") ?? []);
const web = createServer((_, response) => void response.end(one));
await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${(web.address() as AddressInfo | null)?.port}/one.wasm`;
const sha256 = createHash("sha256").update(one).digest("hex");
const steps = stepsOf({ registry: registry.host, pin: digests.get("one") ?? "", url, sha256 });
const bin = join(checkout, "bin/weir");
await recordFolder(steps, bin);
await recordCluster(steps, bin);
web.close();
await registry.stop();
