import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fail, ok, type Result } from "../../../model/result.ts";
import { type FoundEnvoy, startEnvoy } from "../../envoy/index.ts";
import { knock } from "./client.ts";
import { bootstrap, clusterResources, filterResource } from "./config.ts";
import { AppUpstream, CaseEnvoy } from "./envoy.ts";
import { EnvoyJournal, LOG_COMPONENTS, LOG_FORMAT } from "./log.ts";
import { startService } from "./service.ts";

const KNOCK_MS = 10_000;

/** Starts an Envoy for cases. */
export async function startCaseEnvoy(envoy: FoundEnvoy, signal?: AbortSignal): Promise<Result<CaseEnvoy>> {
  const folder = await mkdtemp(join(tmpdir(), "weir-cases-"));
  const places = { filter: join(folder, "filter.json"), clusters: join(folder, "clusters.json") };
  const app = new AppUpstream();
  app.service = await startService((request, stream) => app.serve(request, stream));
  await writeFile(places.filter, filterResource("0"));
  await writeFile(places.clusters, clusterResources("0", new Map()));
  const journal = new EnvoyJournal();
  const running = await startEnvoy({
    envoy,
    bootstrap: bootstrap(places, app.service.port),
    componentLogLevel: LOG_COMPONENTS,
    logFormat: LOG_FORMAT,
    concurrency: 1,
    onLine: (line, stream) => (stream === "stdout" ? journal.access(line) : journal.log(line)),
    ...(signal && { signal }),
  });
  if (!running.ok) {
    await app.service.stop();
    await rm(folder, { recursive: true, force: true });
    return running;
  }
  // What waits for Envoy ends with it, at once.
  signal?.addEventListener("abort", () => void running.value.stop(), { once: true });
  const parts = { running: running.value, folder, places, journal, app, port: 0, worker: "" };
  const ready = await running.value.ready();
  const port = ready.ok ? (ready.value.get("cases") ?? 0) : 0;
  const worker = ready.ok ? await workerOf(journal, port) : undefined;
  const started = new CaseEnvoy({ ...parts, port, worker: worker ?? "" });
  if (ready.ok && worker !== undefined) return ok(started);
  await started.stop();
  return ready.ok ? fail("EnvoySilent", "Envoy's log tells no thread of its worker") : ready;
}

async function workerOf(journal: EnvoyJournal, port: number): Promise<string | undefined> {
  const from = await knock(port);
  const deadline = performance.now() + KNOCK_MS;
  for (;;) {
    const thread = journal.threadOf(from);
    if (thread !== undefined || performance.now() > deadline) return thread;
    await sleep(5);
  }
}
