import { type AbiVersion, isCapability } from "../../abi/abi.ts";
import type { FunctionType } from "../../binary/types.ts";
import type { HeaderMap } from "../values/headers.ts";
import type { Replies } from "../values/replies.ts";
import { Errno, MapType, Status } from "../values/status.ts";
import { attributesOf } from "./attributes.ts";
import { type CallTable, createCallTable } from "./calls.ts";
import type { Clock } from "./clock.ts";
import { type Context, createContext, rootOf, type StreamControl } from "./context.ts";
import { createExpressions, type Expressions } from "./expressions.ts";
import { type Fault, faultOf, HostLimit, ProxyCrash, RestrictedCall } from "./faults.ts";
import type { Journal } from "./journal.ts";
import { createGuestMemory, type GuestMemory } from "./memory.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import { createSharedData, createSharedQueues, type SharedData, type SharedQueues } from "./shared.ts";
import { createTimers, type Timers } from "./timers.ts";

/** Everything a plugin can observe, as arguments. */
export interface HostOptions {
  readonly abi: AbiVersion;
  /** Envoy's name for the plugin. */
  readonly name: string;
  readonly rootId: string;
  readonly configuration: Uint8Array;
  readonly env: readonly { readonly name: string; readonly value: string }[];
  /** Envoy's `allowed_capabilities`; empty restricts nothing. */
  readonly capabilities: readonly string[];
  /** PluginConfig.allow_on_headers_stop_iteration. */
  readonly allowOnHeadersStopIteration: boolean;
  readonly replies: Replies;
  readonly journal: Journal;
  /** Nanoseconds since the epoch. */
  readonly now: () => bigint;
  /** Time stands still, and this moves it; then `now` tells its time. `undefined`: time passes by itself, and every timer and call is due at once. */
  readonly clock: Clock | undefined;
  readonly random: (size: number) => Uint8Array;
  /** Told of every host call that came back. */
  readonly onCall: ((call: HostCall) => void) | undefined;
  /** Told of every callback before it begins. */
  readonly onCallback: ((name: string) => void) | undefined;
  /** Told of the exports of each instance. */
  readonly onExports: ((exports: Readonly<Record<string, unknown>>) => void) | undefined;
  /** Limit of bytes that the host keeps for the plugin (bodies, shared data, headers, ...). */
  readonly maxBytes: number;
}

/** A call of the plugin into the host. */
export interface HostCall {
  /** Without its module: `proxy_log`, `fd_write`. */
  readonly name: string;
  /** The callback in which it was made. */
  readonly callback: string;
  /** What it returned: a status of proxy-wasm, or an errno of WASI. */
  readonly result: number | undefined;
  readonly isWasi: boolean;
}

/** The host side of one VM: its contexts, its shared state, and the calls into it. */
export interface Host {
  readonly options: HostOptions;
  readonly memory: GuestMemory;
  readonly contexts: Map<number, Context>;
  readonly vmContext: Context;
  readonly sharedData: SharedData;
  readonly queues: SharedQueues;
  readonly metrics: Metrics;
  readonly calls: CallTable;
  readonly timers: Timers;
  readonly expressions: Expressions;
  /** Properties declared through the foreign function declare_property. */
  readonly declared: Set<string>;
  /** The plugin's configuration is readable: during creation and configuration of the root. */
  configurationReadable: boolean;
  /** A local reply was sent in the running callback, so its result counts as StopIteration. */
  stopIteration: boolean;
  /** The first fault. After it the VM is not used any more. */
  fault: Fault | undefined;
  /** The context that host functions act on: the effective one if the plugin set one, else the running one. */
  context(): Context;
  setEffective(id: number): boolean;
  isAllowed(capability: string): boolean;
  newContext(parent?: Context, stream?: StreamControl): Context;
  /** Calls an export in this context; `undefined` when the module has none, when it is restricted, or when it faults (see `fault`). */
  call(context: Context, name: string, ...args: number[]): number | undefined;
  has(name: string): boolean;
  /** As `call`, while only these host functions may be called. */
  callRestricted(allowed: ReadonlySet<string>, context: Context, name: string, ...args: number[]): number | undefined;
  /** Copies bytes into memory that the module allocates, and writes pointer and size. False: no memory to be had. */
  give(data: Uint8Array, pointerTo: number, sizeTo: number): boolean;
  /** Memory from the module's allocator; 0: none. */
  allocate(size: number): number;
  /** The plugin did what takes Envoy down; after the callback, when Envoy acts on it. */
  crash(message: string): void;
  /** Runs after the current call into the VM. */
  defer(action: () => void): void;
  runDeferred(): void;
  /** Counts bytes taken over, before they are; throws HostLimit when there are too many. */
  charge(bytes: number): void;
  /** Bytes that the plugin may still hand over or have made. */
  room(): number;
  readMap(type: number): HeaderMap | undefined;
  /** Wraps a host function with the rules of the moment: phases and capabilities. */
  guard(module: string, name: string, type: FunctionType, run: HostFunction): (...args: unknown[]) => unknown;
  attach(exports: Readonly<Record<string, unknown>>, memory: WebAssembly.Memory | undefined): void;
}

/** i32 arguments come unsigned, i64 as bigint. */
export type HostFunction = (...args: never[]) => number | undefined;

/** What may be called while the module allocates for the host. */
const WHILE_ALLOCATING: ReadonlySet<string> = new Set(["env.proxy_log", ...wasi("fd_write", "clock_time_get", "poll_oneoff")]);

/** Full names of WASI functions, under both module names. */
export function wasi(...names: string[]): string[] {
  return names.flatMap((name) => [`wasi_unstable.${name}`, `wasi_snapshot_preview1.${name}`]);
}

export function createHost(options: HostOptions): Host {
  return new PluginHost(options);
}

class PluginHost implements Host {
  readonly options: HostOptions;
  readonly memory = createGuestMemory((bytes) => this.charge(bytes));
  readonly vmContext = createContext(0, undefined, undefined);
  readonly contexts = new Map([[0, this.vmContext]]);
  readonly sharedData = createSharedData();
  readonly queues = createSharedQueues();
  readonly metrics = createMetrics();
  readonly calls = createCallTable();
  readonly timers = createTimers();
  readonly declared = new Set<string>();
  configurationReadable = false;
  stopIteration = false;
  fault: Fault | undefined = undefined;
  /** Capabilities; `undefined`: all. */
  private readonly allowed: ReadonlySet<string> | undefined;
  private exports: Readonly<Record<string, unknown>> = {};
  private current = this.vmContext;
  private effective = 0;
  private nextId = 1;
  private lastCallback = "";
  /** The host functions that may be called in this phase; `undefined`: all. */
  private window: ReadonlySet<string> | undefined = undefined;
  private deferred: (() => void)[] = [];
  private charged = 0;
  private madeExpressions: Expressions | undefined = undefined;

  constructor(options: HostOptions) {
    this.options = options;
    this.allowed = options.capabilities.length === 0 ? undefined : new Set(options.capabilities);
  }

  /** Made when a plugin asks first: most never do. */
  get expressions(): Expressions {
    this.madeExpressions ??= createExpressions(() => attributesOf(this.options, this.context()));
    return this.madeExpressions;
  }

  context(): Context {
    return this.contexts.get(this.effective === 0 ? this.current.id : this.effective) ?? this.current;
  }

  setEffective(id: number): boolean {
    if (!this.contexts.has(id)) return false;
    this.effective = id;
    return true;
  }

  isAllowed(capability: string): boolean {
    return this.allowed === undefined || !isCapability(capability) || this.allowed.has(capability);
  }

  newContext(parent?: Context, stream?: StreamControl): Context {
    const context = createContext(this.nextId++, parent, stream);
    this.contexts.set(context.id, context);
    return context;
  }

  has(name: string): boolean {
    return typeof this.exports[name] === "function" && this.isAllowed(name);
  }

  call(context: Context, name: string, ...args: number[]): number | undefined {
    const run = this.exports[name];
    if (typeof run !== "function" || !this.isAllowed(name)) return undefined;
    const saved = [this.current, this.effective] as const;
    [this.current, this.effective] = [context, 0];
    if (name !== this.allocator()) {
      this.lastCallback = name;
      this.options.journal.listen();
      this.options.onCallback?.(name);
    }
    try {
      const result: unknown = run(...args);
      return typeof result === "number" ? result >>> 0 : 0;
    } catch (error) {
      this.fault ??= faultOf(error, name, this.options.journal.errorText());
      return undefined;
    } finally {
      [this.current, this.effective] = saved;
    }
  }

  callRestricted(allowed: ReadonlySet<string>, context: Context, name: string, ...args: number[]): number | undefined {
    this.window = allowed;
    const result = this.call(context, name, ...args);
    this.window = undefined;
    return result;
  }

  allocate(size: number): number {
    return this.callRestricted(WHILE_ALLOCATING, this.vmContext, this.allocator(), size) ?? 0;
  }

  give(data: Uint8Array, pointerTo: number, sizeTo: number): boolean {
    const pointer = data.length === 0 ? 0 : this.allocate(data.length);
    if (data.length > 0 && (pointer === 0 || !this.memory.write(pointer, data))) return false;
    return this.memory.setWord(pointerTo, pointer) && this.memory.setWord(sizeTo, data.length);
  }

  crash(message: string): void {
    this.fault ??= { kind: "crash", callback: this.lastCallback, message, errorText: "", backtrace: [] };
  }

  defer(action: () => void): void {
    this.deferred.push(action);
  }

  runDeferred(): void {
    this.stopIteration = false;
    while (this.deferred.length > 0) {
      const actions = this.deferred;
      this.deferred = [];
      for (const action of actions) action();
    }
  }

  charge(bytes: number): void {
    this.charged += bytes + 32;
    if (this.charged > this.options.maxBytes)
      throw new HostLimit(`the plugin handed the host more than ${this.options.maxBytes} bytes to keep`);
  }

  room(): number {
    return Math.max(0, this.options.maxBytes - this.charged);
  }

  readMap(type: number): HeaderMap | undefined {
    const context = this.context();
    // As with their bodies, answers of calls are the root's, whichever context is in force.
    if (type >= MapType.GrpcInitialMetadata) return rootOf(context).maps.get(type);
    return context.logMaps === undefined ? context.maps.get(type) : context.logMaps.get(type);
  }

  guard(module: string, name: string, type: FunctionType, run: HostFunction): (...args: unknown[]) => unknown {
    const full = `${module}.${name}`;
    const restricted = !this.isAllowed(name);
    const answer = type.results.length === 0 ? undefined : module === "env" ? Status.InternalFailure : Errno.NotCapable;
    return (...args) => {
      if (this.window !== undefined && !this.window.has(full))
        throw new RestrictedCall(`${full} may not be called in this phase (restricted_callback)`);
      const result = restricted ? answer : this.runGuarded(run, args);
      if (restricted) this.options.journal.note(`calls ${name}, which its capabilities forbid`);
      this.options.onCall?.({ name, callback: this.lastCallback, result: result as number | undefined, isWasi: module !== "env" });
      return result;
    };
  }

  /** What ends the VM is written down where it happens: a module may catch exceptions of its imports. */
  private runGuarded(run: HostFunction, args: readonly unknown[]): unknown {
    try {
      return (run as (...values: unknown[]) => unknown)(...args.map(unsigned));
    } catch (error) {
      if (error instanceof HostLimit || error instanceof ProxyCrash)
        this.fault ??= faultOf(error, this.lastCallback, this.options.journal.errorText());
      throw error;
    }
  }

  attach(exports: Readonly<Record<string, unknown>>, memory: WebAssembly.Memory | undefined): void {
    this.exports = exports;
    this.memory.attach(memory);
    this.options.onExports?.(exports);
  }

  /** The export through which the host gets memory from the module. */
  private allocator(): string {
    return typeof this.exports.malloc === "function" ? "malloc" : "proxy_on_memory_allocate";
  }
}

/** i32 values come signed from the engine. */
function unsigned(value: unknown): unknown {
  return typeof value === "number" ? value >>> 0 : value;
}
