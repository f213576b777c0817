import { fileURLToPath } from "node:url";
import type { ProxyView } from "../../hub/index.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { reservePort, startOnReservedPort } from "./ports.ts";
import { type Exit, eventually, type Process, startProcess } from "./process.ts";

const WEIR = fileURLToPath(new URL("../../bin/weir", import.meta.url));

/** A `weir serve` that can be killed and started again at the same addresses with the same data. */
export interface Weir {
  readonly xdsPort: number;
  /** Of the read API. */
  readonly url: string;
  pid(): number;
  logs(): string;
  filter(name: string): Promise<WasmFilter | undefined>;
  proxies(): Promise<readonly ProxyView[]>;
  /** Text of its metrics. */
  metrics(): Promise<string>;
  /** Waits until the filter, as the read API shows it, satisfies `check`. */
  until(what: string, name: string, check: (filter: WasmFilter) => boolean, timeoutMs?: number): Promise<WasmFilter>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Resolves when the process that was started last has ended. */
  exited(): Promise<Exit>;
  /** Starts it again after a kill or a stop. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface WeirOptions {
  /** Flags that say where filters come from: `--filters DIR` or `--kubeconfig FILE`. */
  readonly source: readonly string[];
  /** `--data`. */
  readonly data: string;
  readonly cwd?: string;
  readonly flags?: readonly string[];
  /** Added to its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Asks the read API with this token. */
  readonly token?: string;
  /** The `bin/weir` to run, where that is not this checkout's. */
  readonly bin?: string;
}

/** Starts `weir serve` on reserved ports, so that it can restart on the same ones, and waits until it is ready. */
export function startWeir(options: WeirOptions): Promise<Weir> {
  return startOnReservedPort(async (xdsPort) => start(xdsPort, await reservePort(), options));
}

async function start(
  xdsPort: number,
  httpPort: number,
  { source, data, cwd, flags = [], env, token, bin = WEIR }: WeirOptions,
): Promise<Weir> {
  const url = `http://127.0.0.1:${httpPort}`;
  const addresses = ["--xds-address", `127.0.0.1:${xdsPort}`, "--http-address", `127.0.0.1:${httpPort}`];
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  let running: Process;
  const launch = async () => {
    const options = { name: "weir serve", ...(cwd === undefined ? {} : { cwd }), ...(env === undefined ? {} : { env }) };
    const started = await startProcess(bin, ["serve", ...source, "--data", data, ...addresses, "--log-format", "text", ...flags], options);
    running = started;
    await started.waitFor("readiness", async () => (await fetch(`${url}/readyz`)).ok, 60_000);
  };
  await launch();

  async function read<T>(path: string): Promise<T> {
    const response = await fetch(`${url}/api/v1/${path}`, { headers, signal: AbortSignal.timeout(30_000) });
    if (!response.ok) throw new Error(`GET /api/v1/${path}: ${response.status}`);
    return (await response.json()) as T;
  }

  const filter = async (name: string) =>
    (await read<{ items: WasmFilter[] }>("filters")).items.find(({ metadata }) => metadata.name === name);
  return {
    xdsPort,
    url,
    filter,
    pid: () => running.pid,
    logs: () => running.logs(),
    proxies: () => read<ProxyView[]>("proxies"),
    metrics: async () => (await fetch(`${url}/metrics`)).text(),
    async until(what, name, check, timeoutMs = 60_000) {
      let last: WasmFilter | undefined;
      const seen = async () => {
        last = await filter(name);
        return last !== undefined && check(last) ? last : undefined;
      };
      return eventually(what, seen, timeoutMs).catch((error: Error) => {
        throw new Error(
          `${error.message}\nlast status of ${name}: ${JSON.stringify(last?.status, null, 1)}\n${running.logs().slice(-4_000)}`,
        );
      });
    },
    exited: () => running.exited,
    async kill() {
      process.kill(running.pid, "SIGKILL");
      await running.exited;
    },
    async start() {
      await launch();
    },
    async stop() {
      await running.stop();
    },
  };
}

/** Runs one `weir` command; gives its output. Throws when it fails. */
export async function weir(
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Record<string, string> } = {},
): Promise<string> {
  const run = await startProcess(WEIR, args, { name: `weir ${args[0]}`, ...options });
  const { code } = await run.exited;
  if (code !== 0) throw new Error(`weir ${args.join(" ")} ended with ${code}:\n${run.logs()}`);
  return run.logs();
}

/** Status and reason of a condition, as `True Ready`. */
export function condition(filter: WasmFilter | undefined, type: string): string {
  const found = filter?.status?.conditions?.find((entry) => entry.type === type);
  return found === undefined ? "absent" : `${found.status} ${found.reason}`;
}
