/**
 * What many modules cost in memory: `node bench/module-memory.ts [--filters 300] [--size 3300000] [--proxies 3]`. A real `weir serve` with a folder of filters, each
 * with a module of its own; then a few proxies, simulated, that take all of them. Prints the server's memory when it knows none, when it has proved all
 * of them, and when all were sent. Modules are to be in memory while they are sent, not while they are known.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import { pushModule } from "../oci/index.ts";
import { createTempFolder } from "../test/support/temp-folder.ts";
import { condition, startWeir, type Weir } from "../test/support/weir.ts";
import { passThroughModule } from "../xds/envoy/pass-through.ts";
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from "../xds/gen/envoy/service/discovery/v3/discovery.ts";
import { typeUrls } from "../xds/protocol/resource.ts";
import { connectGrpc } from "../xds/testing/grpc-client.ts";
import { usage } from "./processes.ts";

/** Filters of one slot: a response carries that many modules. */
const IN_SLOT = 3;
const ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const MIB = 2 ** 20;

const { values } = parseArgs({
  options: {
    filters: { type: "string", default: "300" },
    size: { type: "string", default: "3300000" },
    proxies: { type: "string", default: "3" },
  },
});
const [count, size, proxies] = [Number(values.filters), Number(values.size), Number(values.proxies)];
const slots = Array.from({ length: Math.ceil(count / IN_SLOT) }, (_, index) => `slot-${index}`);

/** The smallest module that Envoy loads, made as large as wanted by a custom section of random bytes. https://webassembly.github.io/spec/core/binary/modules.html#custom-section */
function distinctModule(): Uint8Array {
  const name = Buffer.from("\x07padding");
  const content = Buffer.concat([name, randomBytes(size - passThroughModule.byteLength)]);
  return Buffer.concat([passThroughModule, Buffer.from([0]), leb128(content.byteLength), content]);
}

function leb128(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}

async function writeFilters(root: string): Promise<void> {
  await mkdir(join(root, "filters"));
  for (let index = 0; index < count; index++) {
    const pushed = await pushModule(`oci-layout:images:filter-${index}`, distinctModule(), { keychain: new Map(), layoutBase: root });
    if (!pushed.ok) throw new Error(pushed.error.message);
    const manifest = {
      apiVersion: "weir.dev/v1alpha1",
      kind: "WasmFilter",
      metadata: { name: `filter-${index}`, namespace: "shop" },
      spec: { image: `oci-layout:images:filter-${index}`, slot: slots[Math.floor(index / IN_SLOT)] },
    };
    await writeFile(join(root, `filter-${index}.json`), JSON.stringify(manifest));
  }
}

/** Puts the manifests where the running server sees them, and waits until every module is proved. */
async function prove(root: string, weir: Weir): Promise<void> {
  for (let index = 0; index < count; index++)
    await rename(join(root, `filter-${index}.json`), join(root, "filters", `filter-${index}.json`));
  // Seldom: to answer costs the server memory too.
  while ((await proved(weir)) < count) await setTimeout(2_000);
}

async function proved(weir: Weir): Promise<number> {
  const answer = await fetch(`${weir.url}/api/v1/filters`);
  const { items } = (await answer.json()) as { readonly items: readonly WasmFilter[] };
  return items.filter((filter) => condition(filter, "Validated").startsWith("True")).length;
}

/** A proxy that takes and acknowledges everything. Resolves when it has the chain of every slot, with the bytes that came. */
function take(port: number, id: string): Promise<number> {
  const connection = connectGrpc(port);
  const received = new Set<string>();
  let bytes = 0;
  return new Promise((resolve) => {
    const call = connection.call(ADS, (message) => {
      const { nonce = "", typeUrl = "", resources = [] } = DeltaDiscoveryResponse.decode(message);
      bytes += message.byteLength;
      for (const { name = "" } of resources) received.add(name);
      void call.write(DeltaDiscoveryRequest.encode({ typeUrl, responseNonce: nonce }).finish());
      if (received.size < slots.length) return;
      resolve(bytes);
    });
    const node = { id, metadata: { NAMESPACE: "shop" } };
    const resourceNamesSubscribe = slots.map((slot) => `weir/${slot}`);
    void call.write(DeltaDiscoveryRequest.encode({ node, typeUrl: typeUrls.extensionConfig, resourceNamesSubscribe }).finish());
  });
}

/** Resident memory of each process that the server started ahead. */
async function proversOf(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return Promise.all(
    children
      .trim()
      .split(" ")
      .filter(Boolean)
      .map(async (child) => (await usage(Number(child))).rss),
  );
}

async function timed<T>(run: () => Promise<T>): Promise<[T, string]> {
  const began = performance.now();
  return [await run(), `${((performance.now() - began) / 1000).toFixed(1)} s`];
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(0)} MiB`;
}

const folder = await createTempFolder("module-memory");
const root = folder.path;
const [, writing] = await timed(() => writeFilters(root));
console.log(`${count} modules of ${size} bytes written in ${writing}`);
const weir = await startWeir({ source: ["--filters", join(root, "filters")], data: join(root, "data"), cwd: root });
const empty = await usage(weir.pid());
const [, proving] = await timed(() => prove(root, weir));
await setTimeout(3_000);
const idle = await usage(weir.pid());
const [sent, sending] = await timed(() => Promise.all(Array.from({ length: proxies }, (_, index) => take(weir.xdsPort, `proxy-${index}`))));
const after = await usage(weir.pid());
const provers = await proversOf(weir.pid());
console.log(`started, no filter known   ${mib(empty.rss)}`);
console.log(`all known, none sent       ${mib(idle.rss)} (peak ${mib(idle.peak)}), proved in ${proving}`);
console.log(
  `all sent to ${proxies} proxies      ${mib(after.rss)} (peak ${mib(after.peak)}), ${mib(sent.reduce((sum, bytes) => sum + bytes, 0))} in ${sending}`,
);
console.log(`more than idle             ${mib(after.rss - idle.rss)}; at the peak ${mib(after.peak - idle.rss)}`);
console.log(`processes that wait for proofs ${provers.length}, ${mib(provers.reduce((sum, rss) => sum + rss, 0))} beside the server's`);
await weir.stop();
await folder.remove();
process.exit(0);
