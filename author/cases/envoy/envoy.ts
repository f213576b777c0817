import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Message } from "../../../preflight/index.ts";
import type { RunningEnvoy } from "../../envoy/index.ts";
import type { Setup } from "../case.ts";
import { CalloutServices } from "./callouts.ts";
import { Client, type Got, knock } from "./client.ts";
import { clusterResources, FILTER_NAME, filterResource, type Places } from "./config.ts";
import type { EnvoyJournal } from "./log.ts";
import { respond, type Service } from "./service.ts";

const POLL_MS = 5;
/** Milliseconds for what Envoy does by itself: taking a configuration, ending a stream. A module of megabytes takes seconds to load. */
const PATIENCE_MS = 60_000;
/** Milliseconds between the end of Envoy's connections and that of its process, which may write a backtrace in between. */
const GONE_MS = 2_000;

export interface Exchanged {
  readonly got: Got;
  /** What the upstream received. */
  readonly received: Message | undefined;
  /** How Envoy came to its response: `via_upstream`, or what a filter says. */
  readonly details: string | undefined;
}

/** Envoy does not do what it was asked to. */
export class EnvoyFailure extends Error {
  /** What it said last of it. */
  readonly words: string | undefined;

  constructor(message: string, words?: string) {
    super(message);
    this.words = words;
  }
}

/** What an Envoy for cases consists of. */
export interface CaseEnvoyParts {
  readonly running: RunningEnvoy;
  readonly folder: string;
  readonly places: Places;
  readonly journal: EnvoyJournal;
  readonly app: AppUpstream;
  /** Of its listener. */
  readonly port: number;
  /** The thread that serves requests. */
  readonly worker: string;
}

/** The app behind Envoy: it answers as the exchange of the moment says, and keeps what it got. */
export class AppUpstream {
  answer: Message | undefined;
  received: Message | undefined;
  service: Service | undefined;

  async serve(request: Message, stream: Parameters<typeof respond>[0]): Promise<void> {
    this.received = request;
    if (this.answer !== undefined) await respond(stream, this.answer);
  }
}

/** A real Envoy with one worker, in which one filter after the other is loaded. */
export class CaseEnvoy {
  readonly callouts = new CalloutServices();
  readonly parts: CaseEnvoyParts;
  private readonly client: Client;
  private readonly files = new Map<Uint8Array, string>();
  private isLoaded = false;
  private exchanges = 0;
  private versions = 0;
  /** Those of the case before. */
  private clusters = "[]";
  private ended: EnvoyFailure | undefined;

  constructor(parts: CaseEnvoyParts) {
    this.parts = parts;
    this.client = new Client(parts.port);
    void parts.running.exited.then(({ code, signal }) => {
      this.ended ??= new EnvoyFailure(`Envoy ended (${signal === null ? `code ${code}` : `signal ${signal}`})`, parts.journal.lastWords());
    });
  }

  get hasEnded(): boolean {
    return this.ended !== undefined;
  }

  /** Does what needs Envoy. Where that fails because Envoy has ended, it says so. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      // Its connections break before its process is gone.
      await Promise.race([this.parts.running.exited, sleep(GONE_MS, undefined, { ref: false })]);
      throw this.ended ?? error;
    }
  }

  /** Makes the clusters that a case calls, and no others. */
  async useClusters(ports: ReadonlyMap<string, number>): Promise<void> {
    const { places, running } = this.parts;
    const wanted = JSON.stringify([...ports].sort());
    if (wanted === this.clusters) return;
    this.clusters = wanted;
    this.versions += 1;
    const version = String(this.versions);
    await replace(places.clusters, clusterResources(version, ports));
    await this.until("its clusters", async () =>
      (await running.get("/stats?filter=cluster_manager.cds.version_text")).includes(`"${version}"`),
    );
  }

  /** Loads the module with this setup. False: Envoy refuses it. */
  async load(vmId: string, module: Uint8Array, setup: Setup): Promise<boolean> {
    const file = await this.fileOf(module);
    this.isLoaded = await this.setFilter({ file, vmId, setup });
    return this.isLoaded;
  }

  /** Takes the filter out. */
  async unload(): Promise<void> {
    if (!this.isLoaded) return;
    this.isLoaded = false;
    await this.setFilter(undefined);
    await this.settle();
  }

  async exchange(request: Message, answer: Message, patienceMs: number): Promise<Exchanged> {
    const { app, journal } = this.parts;
    this.exchanges += 1;
    app.answer = answer;
    app.received = undefined;
    const got = await this.client.exchange(request, patienceMs);
    await this.until("the end of the stream", async () => journal.ended() >= this.exchanges);
    return { got, received: app.received, details: journal.details(this.exchanges) };
  }

  /** Waits until all that has happened is in the log. */
  async settle(): Promise<void> {
    const { running, journal, port } = this.parts;
    const isQuiet = async () =>
      this.callouts.pending() === 0 && (await running.get("/stats?filter=http.cases.downstream_rq_active")).includes("active: 0");
    await this.until("the end of what is under way", isQuiet);
    // The worker takes a connection after it has done what was due before; what it deletes, it deletes a turn later.
    for (let turn = 0; turn < 3; turn += 1) {
      const from = await knock(port);
      await this.until("its log", async () => journal.threadOf(from) !== undefined);
    }
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.parts.running.stop();
    await Promise.all([this.parts.app.service?.stop(), this.callouts.stop()]);
    await rm(this.parts.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  /** The same file for the same module: its code is the same to Envoy. */
  private async fileOf(module: Uint8Array): Promise<string> {
    const known = this.files.get(module);
    if (known !== undefined) return known;
    const file = join(this.parts.folder, `module-${this.files.size}.wasm`);
    this.files.set(module, file);
    await writeFile(file, module);
    return file;
  }

  private async setFilter(module: Parameters<typeof filterResource>[1]): Promise<boolean> {
    const { running, places } = this.parts;
    const counters = async () => {
      const text = await running.get(`/stats?filter=extension_config_discovery.http_filter.${FILTER_NAME}`);
      const value = (name: string) => Number(new RegExp(`\\.${name}: (\\d+)`).exec(text)?.[1] ?? 0);
      return { accepted: value("config_reload"), refused: value("config_fail") };
    };
    const before = await counters();
    this.versions += 1;
    await replace(places.filter, filterResource(String(this.versions), module));
    let isAccepted = false;
    await this.until("the filter to load", async () => {
      const { accepted, refused } = await counters();
      // One that is refused counts as a reload too.
      isAccepted = accepted > before.accepted && refused === before.refused;
      return isAccepted || refused > before.refused;
    });
    return isAccepted;
  }

  private async until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!(await isSo().catch(() => false))) {
      if (this.ended !== undefined) throw this.ended;
      if (performance.now() > deadline) {
        // A worker that a filter never gives back is lost: the next case has a new Envoy.
        this.ended = new EnvoyFailure(`Envoy hangs: it did not come to ${what} in ${PATIENCE_MS / 1000} s`);
        void this.parts.running.stop();
        throw this.ended;
      }
      await sleep(POLL_MS);
    }
  }
}

/** Envoy follows a file by its name: a rename over it is one update. */
async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.next`, text);
  await rename(`${path}.next`, path);
}
