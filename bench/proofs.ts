/**
 * What a proof costs: `node bench/proofs.ts [ROUNDS]`. The wait and the CPU time of provers for a tiny module, for the Go module with its digest unknown and
 * known, and for 20 small modules at once; then, with a real `weir serve` and a real Envoy, a new tiny module from its manifest to the first filtered response.
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pushModule } from "../oci/index.ts";
import { createExaminer, type Examiner } from "../preflight/index.ts";
import { buildExamples } from "../scripts/build-examples.ts";
import { localBootstrap } from "../test/support/bootstrap.ts";
import { startEchoApp } from "../test/support/echo-app.ts";
import { startEnvoy } from "../test/support/envoy.ts";
import { plainSettings } from "../test/support/judge.ts";
import { createTempFolder } from "../test/support/temp-folder.ts";
import { get } from "../test/support/traffic.ts";
import { headerFilter } from "../test/support/wat.ts";
import { startWeir } from "../test/support/weir.ts";
import { cpuOfEnded, median } from "./processes.ts";

const rounds = Number(process.argv[2] ?? 15);
/** As `weir serve` has it. */
const AHEAD = 2;
/** For processes to end, and for the next to be started ahead. */
const REST_MS = 300;

const tiny = (value: string): Promise<Uint8Array> => headerFilter({ name: "x-tiny", value });

async function examine(examiner: Examiner, code: Uint8Array, config = "", namespace = "shop"): Promise<number> {
  const began = performance.now();
  const found = await examiner.examine(code, { ...plainSettings, config }, { namespace });
  if (!found.ok) throw new Error(found.error.message);
  return performance.now() - began;
}

/** `one` gives the milliseconds that it waited; `count`: proofs in it. */
async function measure(title: string, times: number, count: number, one: (round: number) => Promise<number>): Promise<void> {
  await sleep(REST_MS);
  const before = await cpuOfEnded();
  const waits: number[] = [];
  for (let round = 0; round < times; round++) {
    waits.push(await one(round));
    await sleep(REST_MS);
  }
  const cpu = ((await cpuOfEnded()) - before) / times;
  console.log(
    `${title.padEnd(46)} ${median(waits).toFixed(0).padStart(6)} ms to wait  ${cpu.toFixed(0).padStart(6)} ms of CPU${count > 1 ? `  (${(cpu / count).toFixed(0)} each)` : ""}`,
  );
}

async function proofs(): Promise<void> {
  const examiner = createExaminer({ ahead: AHEAD });
  await measure("a tiny module", rounds, 1, async (round) => examine(examiner, await tiny(`one ${round}`)));
  const go = await readFile((await buildExamples()).addHeaderGo.v1);
  await measure("3.3 MB of Go, digest unknown", 3, 1, () => examine(createExaminer(), go));
  await examine(examiner, go);
  await measure("3.3 MB of Go, digest known", rounds, 1, (round) => examine(examiner, go, `{"value":"${round}"}`));
  await measure("20 small modules at once, of 4 namespaces", 5, 20, async (round) => {
    const codes = await Promise.all(Array.from({ length: 20 }, (_, index) => tiny(`${round} ${index}`)));
    const began = performance.now();
    await Promise.all(codes.map((code, index) => examine(examiner, code, "", `n${index % 4}`)));
    return performance.now() - began;
  });
}

/** A filter's module changes, and the proxy is asked without rest until it answers with the new header. */
async function firstResponses(): Promise<void> {
  const folder = await createTempFolder("proofs");
  const filters = join(folder.path, "filters");
  await mkdir(filters);
  const app = await startEchoApp();
  const weir = await startWeir({ source: ["--filters", filters], data: join(folder.path, "data"), cwd: folder.path });
  const bootstrap = localBootstrap({ node: "web-1", namespace: "shop", xdsPort: weir.xdsPort, appPort: app.port });
  const envoy = await startEnvoy({ config: bootstrap, log: "warning" });
  const port = await envoy.port();
  const waits: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const pushed = await pushModule(`oci-layout:images:${round}`, await tiny(`v${round}`), {
      keychain: new Map(),
      layoutBase: folder.path,
    });
    if (!pushed.ok) throw new Error(pushed.error.message);
    const metadata = { name: `tiny-${round}`, namespace: "shop" };
    const manifest = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata, spec: { image: `oci-layout:images:${round}` } };
    await writeFile(join(filters, ".next"), JSON.stringify(manifest));
    const began = performance.now();
    await rename(join(filters, ".next"), join(filters, "tiny.json"));
    while (!String((await get(port)).headers["x-tiny"]).includes(`v${round}`)) await sleep(2);
    waits.push(performance.now() - began);
    await sleep(REST_MS);
  }
  console.log(`${"a new tiny module, manifest to first response".padEnd(46)} ${median(waits).toFixed(0).padStart(6)} ms to wait`);
  await envoy.stop();
  await weir.stop();
  await app.stop();
  await folder.remove();
}

await proofs();
await firstResponses();
process.exit(0);
