import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { createAuthority } from "../base/testing/certificates.ts";
import { pushModule } from "../oci/index.ts";
import { faultyFilter } from "./support/faulty.ts";
import { eventually } from "./support/process.ts";
import { type Prometheus, rulesAtOnce, startPrometheus } from "./support/prometheus.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { startWeir, type Weir } from "./support/weir.ts";

/** What a server by itself may lack: each alert of it fires in a real Prometheus that scrapes a real Weir in that state. */
const TIMEOUT = { timeout: 120_000 };

let folder: string;
let weir: Weir;
let prometheus: Prometheus;
const cleanups: (() => Promise<unknown>)[] = [];

before(async () => {
  const { path, remove } = await createTempFolder("on-call-server");
  cleanups.push(remove);
  folder = path;
  await mkdir(join(folder, "filters"));
  // Its certificate ends in an hour.
  const { cert, key } = createAuthority("servers").issue("weir", { until: new Date(Date.now() + 3_600_000) });
  await writeFile(join(folder, "tls.crt"), cert);
  await writeFile(join(folder, "tls.key"), key);
  const flags = ["--xds-tls-cert", "tls.crt", "--xds-tls-key", "tls.key", "--prover-socket", join(folder, "nobody.sock")];
  weir = await startWeir({ source: ["--filters", "filters"], data: "data", cwd: folder, flags });
  cleanups.push(weir.stop);
  prometheus = await startPrometheus({ targets: [weir.url.replace("http://", "")], rules: await rulesAtOnce() });
  cleanups.push(prometheus.stop);
});

after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

test("a certificate that ends soon is told", TIMEOUT, async () => {
  await prometheus.fires("WeirCertificateEnds");
});

test("a prover at whose socket nobody answers is told", TIMEOUT, async () => {
  const image = "oci-layout:images:one";
  const pushed = await pushModule(image, await faultyFilter("good", "one"), { keychain: new Map(), layoutBase: folder });
  if (!pushed.ok) throw new Error(pushed.error.message);
  const filter = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: "f", namespace: "shop" }, spec: { image } };
  await writeFile(join(folder, "filters/f.json"), JSON.stringify(filter));
  await prometheus.fires("WeirProverAway");
});

test("a folder that is gone is told", TIMEOUT, async () => {
  await rename(join(folder, "filters"), join(folder, "away"));
  await prometheus.fires("WeirSourceNotFollowed");
  await rename(join(folder, "away"), join(folder, "filters"));
});

test("a server that gets no time to work is told", TIMEOUT, async () => {
  let isOver = false;
  const fired = prometheus.fires("WeirOverloaded").finally(() => {
    isOver = true;
  });
  // As on a machine that is far too busy: it works 50 ms of each 350.
  while (!isOver) {
    process.kill(weir.pid(), "SIGSTOP");
    await setTimeout(300);
    process.kill(weir.pid(), "SIGCONT");
    await setTimeout(50);
  }
  await fired;
});

test("a server that ends again and again is told", TIMEOUT, async () => {
  const startsSeen = async () => Number((await prometheus.query("changes(weir_process_start_time_seconds[30m])"))[0]?.value[1]);
  for (let i = 0; i < 3; i++) {
    const starts = await startsSeen();
    await weir.kill();
    await weir.start();
    await eventually("it to be scraped", async () => (await startsSeen()) > starts, 20_000);
  }
  await prometheus.fires("WeirRestarts");
});
