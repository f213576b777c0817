import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fail, ok, type Result } from "../../model/result.ts";
import type { FoundEnvoy } from "./find.ts";
import { eachLine } from "./lines.ts";

export interface StartOptions {
  readonly envoy: FoundEnvoy;
  /** YAML or JSON, with an admin interface; port 0 there and in listeners takes a free one. */
  readonly bootstrap: string;
  /** Envoy's `--log-level`. */
  readonly logLevel?: string;
  /** Envoy's `--component-log-level`, `wasm:debug`. */
  readonly componentLogLevel?: string;
  /** Envoy's `--log-format`. */
  readonly logFormat?: string;
  /** Worker threads. Default 1. */
  readonly concurrency?: number;
  /** Each line that Envoy writes to stdout or stderr. */
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
  readonly signal?: AbortSignal;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** An Envoy whose admin interface answers. Its listeners may still wait for what they need. */
export interface RunningEnvoy {
  readonly pid: number;
  readonly version: string;
  /** `http://127.0.0.1:PORT` of the admin interface. */
  readonly admin: string;
  /** Resolves when it has ended, for whatever reason. */
  readonly exited: Promise<Ended>;
  /** The newest lines of its log. */
  log(): readonly string[];
  /** GET of the admin interface. Rejects on a status other than 200. */
  get(path: string): Promise<string>;
  /** Resolves with the ports of its listeners, by name, when its workers serve. Fails when it ends first, when a port is taken, or after `timeoutMs`. */
  ready(timeoutMs?: number): Promise<Result<ReadonlyMap<string, number>>>;
  /** TERM, then KILL when it has not ended within 5 s. Resolves when it is gone and its folder too. */
  stop(): Promise<void>;
}

const START_MS = 30_000;
const POLL_MS = 15;
const GRACE_MS = 5_000;
const KEPT_LINES = 200;
/** How long a line of an access log may wait. */
const FLUSH_MS = 20;

/** Starts an Envoy and waits until its admin interface answers. Fails with Envoy's own words when it cannot start, and when it has no V8. */
export async function startEnvoy(options: StartOptions): Promise<Result<RunningEnvoy>> {
  const folder = await mkdtemp(join(tmpdir(), "weir-envoy-"));
  const running = new Running(options, folder);
  const started = await running.start();
  if (!started.ok) await running.stop();
  return started.ok ? ok(running) : started;
}

class Running implements RunningEnvoy {
  readonly exited: Promise<Ended>;
  admin = "";
  private readonly options: StartOptions;
  private readonly folder: string;
  private readonly lines: string[] = [];
  private child: ChildProcess | undefined;
  private ended: Ended | undefined;
  private resolveExited: (ended: Ended) => void = () => {};

  constructor(options: StartOptions, folder: string) {
    this.options = options;
    this.folder = folder;
    this.exited = new Promise((resolve) => {
      this.resolveExited = resolve;
    });
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  get version(): string {
    return this.options.envoy.version;
  }

  log(): readonly string[] {
    return this.lines;
  }

  async start(): Promise<Result<void>> {
    const { envoy, bootstrap, signal } = this.options;
    const [config, adminFile] = [join(this.folder, "envoy.yaml"), join(this.folder, "admin")];
    await writeFile(config, bootstrap, { mode: 0o600 });
    const [command, args] = diesWithParent(envoy.path, this.args(config, adminFile));
    // In a group of its own: a Ctrl-C in the terminal is for who started it, and that stops it in its order.
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
    this.child = child;
    guard(child);
    child.once("error", (error) => this.end({ code: null, signal: null }, `cannot be started: ${error.message}`));
    child.once("close", (code, by) => this.end({ code, signal: by }));
    for (const name of ["stdout", "stderr"] as const) {
      const stream = child[name];
      if (stream !== null) eachLine(stream, (line) => this.take(line, name));
    }
    const admin = await this.until(START_MS, signal, async () => {
      const address = (await readFile(adminFile, "utf8").catch(() => "")).trim();
      return address === "" ? undefined : { address, info: await get(`http://${address}`, "/server_info") };
    });
    if (!admin.ok) return admin;
    this.admin = `http://${admin.value.address}`;
    if (admin.value.info.includes('"envoy.wasm.runtime.v8"')) return ok(undefined);
    return fail("NoV8", `${envoy.path} was built without V8, so it runs no WebAssembly filters; take another Envoy`);
  }

  get(path: string): Promise<string> {
    return get(this.admin, path);
  }

  async ready(timeoutMs = START_MS): Promise<Result<ReadonlyMap<string, number>>> {
    return this.until(timeoutMs, this.options.signal, async () => {
      const stats = await this.get("/stats?filter=workers_started");
      if (!stats.includes("workers_started: 1")) return undefined;
      const ports = portsOf(await this.get("/listeners?format=json"));
      return ports.size > 0 ? ports : undefined;
    });
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (child !== undefined && this.ended === undefined) {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
      await this.exited;
      clearTimeout(timer);
    }
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  private args(config: string, adminFile: string): string[] {
    const { logLevel = "warning", componentLogLevel, logFormat, concurrency = 1 } = this.options;
    return [
      ...["--config-path", config, "--admin-address-path", adminFile, "--disable-hot-restart", "--concurrency", String(concurrency)],
      ...["--log-level", logLevel, "--file-flush-interval-msec", String(FLUSH_MS)],
      ...(componentLogLevel === undefined ? [] : ["--component-log-level", componentLogLevel]),
      ...(logFormat === undefined ? [] : ["--log-format", logFormat]),
    ];
  }

  /** Waits until `look` gives something; one that rejects has nothing yet. */
  private async until<T>(timeoutMs: number, signal: AbortSignal | undefined, look: () => Promise<T | undefined>): Promise<Result<T>> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      if (signal?.aborted) return fail("Stopped", "stopped while Envoy was starting");
      const found = await look().catch(() => undefined);
      if (found !== undefined) return ok(found);
      if (this.ended !== undefined) return fail("EnvoyEnded", `Envoy ended (${this.ended.signal ?? this.ended.code}): ${this.lastWords()}`);
      if (performance.now() > deadline) return fail("EnvoySilent", `Envoy is not ready after ${timeoutMs / 1000} s: ${this.lastWords()}`);
      await sleep(POLL_MS);
    }
  }

  /** What Envoy said last about what went wrong. */
  private lastWords(): string {
    const words = this.lines.filter((line) => /\[(error|critical)\]|error|cannot/i.test(line));
    return (words.at(-1) ?? this.lines.at(-1) ?? "it wrote nothing").replace(/^(\[[^\]]*\]\s*)+/, "").replace(/\s+/g, " ");
  }

  private take(line: string, stream: "stdout" | "stderr"): void {
    if (stream === "stderr") {
      this.lines.push(line);
      if (this.lines.length > 2 * KEPT_LINES) this.lines.splice(0, KEPT_LINES);
    }
    this.options.onLine?.(line, stream);
  }

  private end(ended: Ended, word?: string): void {
    if (this.ended !== undefined) return;
    if (word !== undefined) this.lines.push(word);
    this.ended = ended;
    this.resolveExited(ended);
  }
}

async function get(admin: string, path: string): Promise<string> {
  const response = await fetch(`${admin}${path}`, { signal: AbortSignal.timeout(10_000) });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`Envoy's ${path} answered ${response.status}`);
  return text;
}

interface Listeners {
  readonly listener_statuses?: readonly {
    readonly name: string;
    readonly local_address: { readonly socket_address?: { readonly port_value: number } };
  }[];
}

/** https://www.envoyproxy.io/docs/envoy/latest/operations/admin#get--listeners?format=json */
function portsOf(listeners: string): ReadonlyMap<string, number> {
  const { listener_statuses: all = [] }: Listeners = JSON.parse(listeners);
  return new Map(all.map(({ name, local_address }) => [name, local_address.socket_address?.port_value ?? 0]));
}

/** On Linux the kernel ends Envoy when this process is killed; `setpriv` execs it, so the pid is Envoy's own. Elsewhere it is stopped in order alone. */
function diesWithParent(command: string, args: readonly string[]): [string, readonly string[]] {
  const setpriv = "/usr/bin/setpriv";
  if (process.platform !== "linux") return [command, args];
  try {
    accessSync(setpriv, constants.X_OK);
  } catch {
    return [command, args];
  }
  return [setpriv, ["--pdeathsig", "KILL", "--", command, ...args]];
}

const alive = new Set<ChildProcess>();

/** When this process ends in any other way than by `stop`, a child ends with it. */
function guard(child: ChildProcess): void {
  if (alive.size === 0) process.once("exit", killAll);
  alive.add(child);
  child.once("exit", () => {
    alive.delete(child);
    if (alive.size === 0) process.off("exit", killAll);
  });
}

function killAll(): void {
  for (const child of alive) child.kill("SIGKILL");
}
