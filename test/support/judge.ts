import { createHash } from "node:crypto";
import { rename, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { DEFAULT_SETTINGS, type PluginSettings } from "../../model/settings.ts";
import { cpuOf } from "./cpu.ts";
import { type EchoApp, startEchoApp } from "./echo-app.ts";
import { type Envoy, startEnvoy } from "./envoy.ts";
import { staticConfig } from "./static-config.ts";
import { createTempFolder } from "./temp-folder.ts";

/** What a real Envoy did with one module. */
export interface Judgement {
  /** `hung`: its main thread never came back; `crashed`: the process died. */
  readonly load: "accepted" | "rejected" | "hung" | "crashed";
  readonly loadMs: number;
  /** CPU milliseconds of the whole process until then; NaN when it died or where there is no /proc. */
  readonly loadCpuMs: number;
  /** Answers to GET / and to a POST with body and trailers, in order; only after `accepted`. `undefined`: none, or none that is HTTP. */
  readonly answers: readonly (Answer | undefined)[];
  /** The process died, at load or under traffic. */
  readonly died: boolean;
  /** What Envoy logged about Wasm during this. */
  readonly log: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** Asks a real Envoy for its verdict on modules, one after the other: each is an update of one extension config that Envoy watches. */
export interface Judge {
  judge(code: Uint8Array, settings: PluginSettings): Promise<Judgement>;
  /** How many Envoys were needed: one, and one more after each that hung or died. */
  starts(): number;
  stop(): Promise<void>;
}

const NAME = "filter";
const WASM = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
/** After this long (and more for each megabyte, which Envoy compiles first) its main thread counts as hung. */
const HUNG_MS = 10_000;
const HUNG_MS_PER_MB = 15_000;
/** After this long a request without an answer counts as hung. */
const ANSWER_MS = 6000;

interface Running {
  readonly envoy: Envoy;
  readonly port: number;
}

/** `healthy`: a module that loads, for Envoy to start with. */
export async function startJudge(healthy: Uint8Array): Promise<Judge> {
  const folder = await createTempFolder("judge");
  const app = await startEchoApp();
  const healthyFile = join(folder.path, "healthy.wasm");
  await writeFile(healthyFile, healthy);
  let running: Running | undefined;
  let starts = 0;
  let row = 0;

  const ensure = async (): Promise<Running> => {
    if (running !== undefined) return running;
    starts += 1;
    await writeResource(folder.path, "healthy", healthyFile, plainSettings);
    running = await start(folder.path, app);
    return running;
  };
  const discard = async (): Promise<void> => {
    await running?.envoy.stop();
    running = undefined;
  };
  return {
    starts: () => starts,
    async judge(code, settings) {
      const { envoy, port } = await ensure();
      row += 1;
      const file = join(folder.path, `${createHash("sha256").update(code).digest("hex").slice(0, 12)}-${row}.wasm`);
      await writeFile(file, code);
      const from = envoy.logs().length;
      const before = await counters(envoy);
      const cpu = await cpuOf(envoy.pid);
      const began = performance.now();
      await writeResource(folder.path, `row-${row}`, file, settings);
      const load = await waitForLoad(envoy, before, HUNG_MS + (code.length / 1e6) * HUNG_MS_PER_MB);
      const loadMs = performance.now() - began;
      const loadCpuMs = (await cpuOf(envoy.pid)) - cpu;
      const { answers, hung } = load === "accepted" ? await exchange(port) : { answers: [], hung: false };
      if (!hung) await waitForQuiet(envoy);
      const died = load === "crashed" || (load === "accepted" && (await isGone(envoy)));
      const log = envoy.logs().slice(from);
      if (died || load === "hung" || hung) await discard();
      return { load, loadMs, loadCpuMs, answers, died, log };
    },
    async stop() {
      await discard();
      await app.stop();
      await folder.remove();
    },
  };
}

export const plainSettings: PluginSettings = { ...DEFAULT_SETTINGS, failurePolicy: "Closed" };

async function start(folder: string, app: EchoApp): Promise<Running> {
  const filter = {
    name: NAME,
    config_discovery: { config_source: { path_config_source: { path: join(folder, "resource.json") } }, type_urls: [WASM] },
  };
  const config = {
    node: { id: "judge", cluster: "judge" },
    static_resources: staticConfig({ filter, app: app.port, statPrefix: "judge" }),
  };
  const envoy = await startEnvoy({ config: JSON.stringify(config), concurrency: 1, log: "wasm:info" });
  const port = await envoy.port();
  await envoy.waitFor("its listener", async () => (await exchange(port)).answers.every((answer) => answer?.status === 200));
  return { envoy, port };
}

/** Envoy follows the file by its name: a rename over it is one update. */
async function writeResource(folder: string, name: string, file: string, settings: PluginSettings): Promise<void> {
  const { rootId, config, env, capabilities = [], allowOnHeadersStopIteration } = settings;
  const allowed = Object.fromEntries(capabilities.map((capability) => [capability, {}]));
  const plugin = {
    name,
    root_id: rootId,
    fail_open: false,
    ...(allowOnHeadersStopIteration ? { allow_on_headers_stop_iteration: true } : {}),
    configuration: { "@type": "type.googleapis.com/google.protobuf.StringValue", value: config },
    capability_restriction_config: { allowed_capabilities: allowed },
    vm_config: {
      vm_id: vmId(settings),
      runtime: "envoy.wasm.runtime.v8",
      code: { local: { filename: file } },
      environment_variables: { key_values: Object.fromEntries(env.map((entry) => [entry.name, entry.value])) },
    },
  };
  const resource = {
    "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
    name: NAME,
    typed_config: { "@type": WASM, config: plugin },
  };
  const next = join(folder, "resource.next.json");
  await writeFile(next, JSON.stringify({ version_info: name, resources: [resource] }));
  await rename(next, join(folder, "resource.json"));
}

/** Envoy keeps a compiled VM by its id and code: the same for rows that differ in configuration only, so that a large module is compiled once. */
function vmId({ env, capabilities = [], allowOnHeadersStopIteration }: PluginSettings): string {
  return createHash("sha256")
    .update(JSON.stringify([env, capabilities, allowOnHeadersStopIteration]))
    .digest("hex")
    .slice(0, 8);
}

interface Counters {
  readonly reloads: number;
  readonly failures: number;
}

async function counters(envoy: Envoy): Promise<Counters> {
  const text = await envoy.get("/stats?filter=extension_config_discovery.http_filter.filter");
  const value = (name: string): number => Number(new RegExp(`\\.${name}: (\\d+)`).exec(text)?.[1] ?? 0);
  return { reloads: value("config_reload"), failures: value("config_fail") };
}

async function waitForLoad(envoy: Envoy, before: Counters, patienceMs: number): Promise<Judgement["load"]> {
  let gone = false;
  void envoy.exited.then(() => {
    gone = true;
  });
  const deadline = performance.now() + patienceMs;
  while (performance.now() < deadline) {
    if (gone) return "crashed";
    const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), patienceMs / 2).unref());
    const now = await Promise.race([counters(envoy).catch(() => undefined), late]);
    if (now !== undefined && now.failures > before.failures) return "rejected";
    if (now !== undefined && now.reloads > before.reloads) return "accepted";
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return gone ? "crashed" : "hung";
}

/** Waits until every stream is gone and its last callbacks have run. */
async function waitForQuiet(envoy: Envoy): Promise<void> {
  const quiet = async () => /downstream_rq_active: 0\n/.test(await envoy.get("/stats?filter=http.judge.downstream_rq_active"));
  await envoy.waitFor("the end of every stream", quiet, ANSWER_MS).catch(() => undefined);
}

/** A process that answers is alive. One that does not answer gets a moment to exit. */
async function isGone(envoy: Envoy): Promise<boolean> {
  const answers = await counters(envoy).then(
    () => true,
    () => false,
  );
  if (answers) return false;
  const moment = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 2000).unref());
  return Promise.race([envoy.exited.then(() => true), moment]);
}

interface Exchanged {
  readonly answers: readonly (Answer | undefined)[];
  /** A request got no answer and its connection is open: a second request is not sent. */
  readonly hung: boolean;
}

/** The first two of the sandbox's synthetic requests. */
async function exchange(port: number): Promise<Exchanged> {
  const first = await send(port, undefined);
  const second = first === "timeout" ? first : await send(port, ['{"name":"weir",', '"size":3}']);
  const answers = [first, second].map((answer) => (typeof answer === "object" ? answer : undefined));
  return { answers, hung: second === "timeout" };
}

/** `timeout`: the connection is open and nothing comes; `undefined`: it broke, or what came is no HTTP. */
function send(port: number, body: readonly string[] | undefined): Promise<Answer | "timeout" | undefined> {
  return new Promise((resolve) => {
    const common = { "x-given": "yes" };
    const headers =
      body === undefined
        ? common
        : { ...common, "content-type": "application/json", trailer: "x-checksum", "transfer-encoding": "chunked" };
    const options = {
      host: "127.0.0.1",
      port,
      path: body ? "/submit?kind=test" : "/",
      method: body ? "POST" : "GET",
      headers,
      agent: false,
      timeout: ANSWER_MS,
    } as const;
    const outgoing = request(options, (response) => {
      const body: Buffer[] = [];
      response.on("data", (chunk: Buffer) => body.push(chunk));
      response.once("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(body).toString() }),
      );
      response.once("error", () => resolve(undefined));
    });
    outgoing.once("timeout", () => {
      resolve("timeout");
      outgoing.destroy();
    });
    outgoing.once("error", () => resolve(undefined));
    for (const chunk of body ?? []) outgoing.write(chunk);
    if (body !== undefined) outgoing.addTrailers({ "x-checksum": "0" });
    outgoing.end();
  });
}
