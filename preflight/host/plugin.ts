import { bytesOf } from "../../model/plugin-configuration.ts";
import type { AbiVersion } from "../abi/abi.ts";
import { ENVOY_MAX_PAGES } from "../abi/loadable.ts";
import type { WasmBinary } from "../binary/binary.ts";
import { nodeCrypto } from "./builtins.ts";
import { type StartProblem, startRoot, startVm } from "./start.ts";
import { type ClockOptions, createClock } from "./state/clock.ts";
import type { Fault } from "./state/faults.ts";
import { createHost, type HostCall } from "./state/host.ts";
import { createJournal, type LogLine } from "./state/journal.ts";
import type { Metric } from "./state/metrics.ts";
import { advance, deliver } from "./traffic/delivery.ts";
import { type Exchange, type ExchangeResult, runExchange } from "./traffic/http.ts";
import { type Connection, type ConnectionResult, runConnection } from "./traffic/tcp.ts";
import { cannedReplies, type Replies } from "./values/replies.ts";
import { Status } from "./values/status.ts";

export interface PluginOptions {
  /** The plugin's configuration, as it receives it. Default: empty. */
  readonly config?: string;
  /** The same in base64, where it is no text. */
  readonly configBytes?: string | undefined;
  /** Envoy's name for the plugin. */
  readonly name?: string;
  readonly rootId?: string;
  readonly env?: readonly { readonly name: string; readonly value: string }[];
  /** Envoy's `allowed_capabilities`; absent or empty: everything. */
  readonly capabilities?: readonly string[];
  /** Envoy's `allow_on_headers_stop_iteration`. Default false, as there. */
  readonly allowOnHeadersStopIteration?: boolean;
  /** What clusters and gRPC services answer. Default: 200 with `{}`, and an empty message with OK. */
  readonly replies?: Replies;
  /** Nanoseconds since the epoch. Default: the system's clock. */
  readonly now?: () => bigint;
  /** Time stands still, and `advance` moves it; then `now` is not asked. Default: timers fire when `tick` says so, and answers come at once. */
  readonly clock?: ClockOptions;
  readonly random?: (size: number) => Uint8Array;
  /** Most memory, in pages of 64 KiB, of a memory that the module imports. Default: Envoy's own bound, 1 GiB. */
  readonly maxPages?: number;
  /** Bytes that the host keeps for the plugin. Default 64 MiB. */
  readonly maxHostBytes?: number;
  /** Log lines that are kept, the newest ones. Default 200. */
  readonly maxLogLines?: number;
  /** Characters of a log line that are kept. Default 400. */
  readonly maxLogLength?: number;
  /** Told of every host call that came back. */
  readonly onCall?: (call: HostCall) => void;
  /** Told of every callback before it begins. */
  readonly onCallback?: (name: string) => void;
  /** Told of every log line as it is written. */
  readonly onLog?: (line: LogLine) => void;
  /** Told of the exports of the instance, before any of its callbacks runs. */
  readonly onExports?: (exports: Readonly<Record<string, unknown>>) => void;
  /** Called as each phase begins, before the module's code runs. */
  readonly onPhase?: (phase: "start" | "configure") => void;
}

/** A plugin that runs in this process, on the engine that Envoy runs it on. Everything is synchronous: a callback that never returns blocks this thread. */
export interface Plugin {
  /** Why Envoy would reject it when it loads; `undefined`: it started. */
  readonly problem: StartProblem | undefined;
  /** The first fault. After it the plugin answers nothing any more. */
  fault(): Fault | undefined;
  /** Sends one request and its response through the plugin. */
  exchange(exchange: Exchange): ExchangeResult;
  /** The same for a network filter. */
  connection(connection: Connection): ConnectionResult;
  /** Fires the timers once and answers the calls that the plugin makes then. For a plugin without a clock of its own. */
  tick(): void;
  /** Moves the plugin's clock: timers fire and answers come, each at its time. */
  advance(ms: number): void;
  /** Lets happen what is due now: answers of calls, arrivals in queues. */
  settle(): void;
  /** Ends the plugin: `proxy_on_done` and `proxy_on_delete` of its root. */
  shutdown(): void;
  memoryPages(): number;
  logs(): readonly LogLine[];
  logCount(): number;
  /** True when something that it asked for may still let a held stream go on: a call, a timer, a queue. */
  hasAsked(): boolean;
  /** A timer of it runs. */
  hasTimer(): boolean;
  /** What it did besides answering: calls, timers, refused host functions. */
  notes(): readonly string[];
  metrics(): readonly Metric[];
  /** Shared data under this key. */
  sharedData(key: string): Uint8Array | undefined;
  /** Writes shared data as another plugin of the same VM id does. */
  setSharedData(key: string, value: Uint8Array): void;
  /** Puts a value into a queue that the plugin registered, as another plugin does. False: there is no such queue. */
  enqueue(queue: string, value: Uint8Array): boolean;
}

/** Starts a compiled module as Envoy does: start functions, `proxy_on_context_create`, `proxy_on_vm_start`, `proxy_on_configure`. Never throws for what the module does. */
export function createPlugin(module: WebAssembly.Module, binary: WasmBinary, abi: AbiVersion, options: PluginOptions = {}): Plugin {
  const journal = createJournal({ lines: options.maxLogLines ?? 200, lineLength: options.maxLogLength ?? 400, onLine: options.onLog });
  const clock = options.clock && createClock(options.clock);
  const host = createHost({
    abi,
    name: options.name ?? "",
    rootId: options.rootId ?? "",
    configuration: bytesOf({ config: "", ...options }),
    env: options.env ?? [],
    capabilities: options.capabilities ?? [],
    allowOnHeadersStopIteration: options.allowOnHeadersStopIteration ?? false,
    replies: options.replies ?? cannedReplies,
    journal,
    clock,
    now: clock?.now ?? options.now ?? (() => BigInt(Date.now()) * 1_000_000n),
    random: options.random ?? ((size) => nodeCrypto().randomBytes(size)),
    onCall: options.onCall,
    onCallback: options.onCallback,
    onExports: options.onExports,
    maxBytes: options.maxHostBytes ?? 64 * 1024 * 1024,
  });
  options.onPhase?.("start");
  const vmProblem = startVm(host, module, binary, options.maxPages ?? ENVOY_MAX_PAGES);
  options.onPhase?.("configure");
  const { root, problem } = vmProblem === undefined ? startRoot(host) : { root: host.vmContext, problem: vmProblem };
  const end = (name: string): void => {
    if (host.fault === undefined) host.call(root, name, root.id);
    host.runDeferred();
  };
  return {
    problem,
    fault: () => host.fault,
    exchange: (exchange) => runExchange(host, root, exchange),
    connection: (connection) => runConnection(host, root, connection),
    tick: () => advance(host, 0),
    advance: (ms) => advance(host, ms),
    settle: () => void deliver(host),
    shutdown() {
      end("proxy_on_done");
      end("proxy_on_delete");
    },
    memoryPages: () => host.memory.pages(),
    logs: () => journal.logs(),
    logCount: () => journal.logCount(),
    hasAsked: () => host.calls.made() > 0 || host.timers.wereSet() || host.queues.size() > 0,
    hasTimer: () => host.timers.running().length > 0,
    notes: () => journal.notes(),
    metrics: () => host.metrics.list(),
    sharedData: (key) => host.sharedData.get(key)?.value,
    setSharedData: (key, value) => void host.sharedData.set(key, value, 0),
    enqueue(queue, value) {
      const token = host.queues.resolve("", queue);
      return token !== undefined && host.queues.enqueue(token, value) === Status.Ok;
    },
  };
}
