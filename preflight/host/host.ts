import { type AbiVersion, isCapability } from "../abi.ts";
import type { FunctionType } from "../types.ts";
import { attributesOf } from "./attributes.ts";
import { type CallTable, createCallTable } from "./calls.ts";
import { type Context, createContext, type StreamControl } from "./context.ts";
import { createExpressions, type Expressions } from "./expressions.ts";
import { type Fault, faultOf, HostLimit, RestrictedCall } from "./faults.ts";
import type { HeaderMap } from "./headers.ts";
import type { Journal } from "./journal.ts";
import { createGuestMemory, type GuestMemory } from "./memory.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import type { Replies } from "./replies.ts";
import { createSharedData, createSharedQueues, type SharedData, type SharedQueues } from "./shared.ts";
import { Errno, Status } from "./status.ts";

/** The world around a plugin, as arguments. */
export interface HostOptions {
  readonly abi: AbiVersion;
  /** Envoy's name for the plugin. */
  readonly name: string;
  readonly rootId: string;
  readonly configuration: Uint8Array;
  readonly env: readonly { readonly name: string; readonly value: string }[];
  /** Envoy's `allowed_capabilities`; empty restricts nothing. */
  readonly capabilities: readonly string[];
  readonly replies: Replies;
  readonly journal: Journal;
  /** Nanoseconds since the epoch. */
  readonly now: () => bigint;
  readonly random: (size: number) => Uint8Array;
  /** Bytes that the host takes over from the plugin (bodies, shared data, headers, ...) before it calls a halt. */
  readonly maxBytes: number;
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
  /** Tick period of root contexts in ms; 0 or absent: no ticks. */
  readonly tickPeriods: Map<number, number>;
  readonly expressions: Expressions;
  /** Properties declared through the foreign function declare_property. */
  readonly declared: Set<string>;
  /** The plugin's configuration is readable: during creation and configuration of the root. */
  configurationInReach: boolean;
  /** A local reply was sent in the running callback: whatever it returns means stop. */
  stopIteration: boolean;
  /** Set by the first fault; the VM is failed from then on. */
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
  /** Counts bytes taken over; throws HostLimit when there are too many. */
  charge(bytes: number): void;
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
  const memory = createGuestMemory();
  const vmContext = createContext(0, undefined, undefined);
  const contexts = new Map([[0, vmContext]]);
  const allowed = options.capabilities.length === 0 ? undefined : new Set(options.capabilities);
  let exports: Readonly<Record<string, unknown>> = {};
  let current = vmContext;
  let effective = 0;
  let nextId = 1;
  let lastCallback = "";
  let window: ReadonlySet<string> | undefined;
  let deferred: (() => void)[] = [];
  let charged = 0;
  let expressions: Expressions | undefined;

  const allocator = (): string => (typeof exports.malloc === "function" ? "malloc" : "proxy_on_memory_allocate");
  const host: Host = {
    options,
    get expressions() {
      expressions ??= createExpressions(() => attributesOf(options, host.context()));
      return expressions;
    },
    memory,
    contexts,
    vmContext,
    sharedData: createSharedData(),
    queues: createSharedQueues(),
    metrics: createMetrics(),
    calls: createCallTable(),
    tickPeriods: new Map(),
    declared: new Set(),
    configurationInReach: false,
    stopIteration: false,
    fault: undefined,
    context: () => contexts.get(effective === 0 ? current.id : effective) ?? current,
    setEffective(id) {
      if (!contexts.has(id)) return false;
      effective = id;
      return true;
    },
    isAllowed: (capability) => allowed === undefined || !isCapability(capability) || allowed.has(capability),
    newContext(parent, stream) {
      const context = createContext(nextId++, parent, stream);
      contexts.set(context.id, context);
      return context;
    },
    has: (name) => typeof exports[name] === "function" && host.isAllowed(name),
    call(context, name, ...args) {
      const run = exports[name];
      if (typeof run !== "function" || !host.isAllowed(name)) return undefined;
      const saved = [current, effective] as const;
      [current, effective] = [context, 0];
      if (name !== allocator()) {
        lastCallback = name;
        options.journal.listen();
      }
      try {
        const result: unknown = run(...args);
        return typeof result === "number" ? result >>> 0 : 0;
      } catch (error) {
        host.fault ??= faultOf(error, name, options.journal.complaint());
        return undefined;
      } finally {
        [current, effective] = saved;
      }
    },
    callRestricted(names, context, name, ...args) {
      window = names;
      const result = host.call(context, name, ...args);
      window = undefined;
      return result;
    },
    allocate(size) {
      return host.callRestricted(WHILE_ALLOCATING, vmContext, allocator(), size) ?? 0;
    },
    give(data, pointerTo, sizeTo) {
      const pointer = data.length === 0 ? 0 : host.allocate(data.length);
      if (data.length > 0 && (pointer === 0 || !memory.write(pointer, data))) return false;
      return memory.setWord(pointerTo, pointer) && memory.setWord(sizeTo, data.length);
    },
    crash(message) {
      host.fault ??= { kind: "crash", callback: lastCallback, message, complaint: "", backtrace: [] };
    },
    defer(action) {
      deferred.push(action);
    },
    runDeferred() {
      host.stopIteration = false;
      while (deferred.length > 0) {
        const actions = deferred;
        deferred = [];
        for (const action of actions) action();
      }
    },
    charge(bytes) {
      charged += bytes + 32;
      if (charged > options.maxBytes) throw new HostLimit(`the plugin handed the host more than ${options.maxBytes} bytes to keep`);
    },
    readMap(type) {
      const context = host.context();
      return context.logMaps === undefined ? context.maps.get(type) : context.logMaps.get(type);
    },
    guard(module, name, type, run) {
      const full = `${module}.${name}`;
      const restricted = !host.isAllowed(name);
      const answer = type.results.length === 0 ? undefined : module === "env" ? Status.InternalFailure : Errno.NotCapable;
      return (...args) => {
        if (window !== undefined && !window.has(full))
          throw new RestrictedCall(`${full} may not be called in this phase (restricted_callback)`);
        if (!restricted)
          return (run as (...values: unknown[]) => unknown)(...args.map((arg) => (typeof arg === "number" ? arg >>> 0 : arg)));
        options.journal.note(`calls ${name}, which its capabilities forbid`);
        return answer;
      };
    },
    attach(found, guestMemory) {
      exports = found;
      memory.attach(guestMemory);
    },
  };
  return host;
}
