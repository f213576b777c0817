/**
 * From a manifest written in the folder to the chain sent: `node bench/folder-latency.ts [ROUNDS]`. A real `weir serve` on a folder, one proxy, one
 * filter whose priority changes; module and proof are at hand, so that what is measured is reading, deciding and sending.
 */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pushModule } from "../oci/index.ts";
import { startDeltaProxy } from "../test/support/delta-proxy.ts";
import { eventually } from "../test/support/process.ts";
import { createTempFolder } from "../test/support/temp-folder.ts";
import { headerFilter } from "../test/support/wat.ts";
import { startWeir } from "../test/support/weir.ts";

const rounds = Number(process.argv[2] ?? 40);
const temp = await createTempFolder("folder-latency");
const filters = join(temp.path, "filters");
await mkdir(filters);
const pushed = await pushModule("oci-layout:images:1", await headerFilter({ name: "x-weir", value: "1" }), {
  keychain: new Map(),
  layoutBase: temp.path,
});
if (!pushed.ok) throw new Error(pushed.error.message);

async function write(priority: number): Promise<void> {
  const spec = `spec: {image: "oci-layout:images:1", priority: ${priority}}`;
  const metadata = "metadata: {name: add-header, namespace: shop}";
  await writeFile(join(filters, ".next"), `apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\n${metadata}\n${spec}\n`);
  await rename(join(filters, ".next"), join(filters, "add-header.yaml"));
}

await write(0);
const server = await startWeir({ source: ["--filters", filters], data: join(temp.path, "data"), cwd: temp.path });
const names = ["weir/default"];
const proxy = startDeltaProxy(server.xdsPort, { id: "web-1", namespace: "shop", filterChain: true, names });
const arrivals = (count: number) => eventually(`chain ${count}`, async () => proxy.received.length >= count);
await arrivals(1);
const waits: number[] = [];
for (let round = 1; round <= rounds; round++) {
  await sleep(300);
  const before = proxy.received.length;
  await write(round % 2);
  const start = performance.now();
  while (proxy.received.length === before) await sleep(1);
  waits.push(performance.now() - start);
}
// The first two made revisions; the rest went back and forth between them.
const sorted = waits.slice(2).sort((a, b) => a - b);
const at = (share: number) => (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN).toFixed(1);
console.log(`manifest written to chain received: median ${at(0.5)} ms, p90 ${at(0.9)} ms, ${sorted.length} rounds`);
proxy.close();
await server.stop();
await temp.remove();
