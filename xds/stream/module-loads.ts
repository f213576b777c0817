import type { Digest } from "../../model/digest.ts";
import type { ModuleBytes } from "../../model/module.ts";
import type { Resource } from "../protocol/resource.ts";

/** What a waiter is told: go on, or that a module of the resource cannot be had. */
export type Loaded = { readonly resource: Resource; readonly missing: Digest | undefined };

interface Load {
  bytes: Uint8Array | undefined;
  readonly waiters: Set<object>;
}

/**
 * Brings the modules of resources that are due into memory and keeps them there until those who wait have sent: a chain may be larger than what
 * is kept for lately sent modules. However many wait for a module, it is loaded once.
 */
export class ModuleLoads<Waiter extends object> {
  private readonly modules: ModuleBytes;
  private readonly done: (waiter: Waiter, loaded: Loaded) => void;
  private readonly waits = new Map<Waiter, Resource>();
  private readonly loads = new Map<Digest, Load>();

  /** `done` is called once for each `wait` that was not left. */
  constructor(modules: ModuleBytes, done: (waiter: Waiter, loaded: Loaded) => void) {
    this.modules = modules;
    this.done = done;
  }

  /** A module's bytes, if they are in memory. */
  peek(wasmDigest: Digest): Uint8Array | undefined {
    return this.loads.get(wasmDigest)?.bytes ?? this.modules.peek(wasmDigest);
  }

  /** Loads what the resource needs, in place of what the waiter waited for before. */
  wait(waiter: Waiter, resource: Resource): void {
    const before = this.waits.get(waiter);
    if (before === resource) return;
    this.waits.set(waiter, resource);
    for (const wasmDigest of resource.modules) this.join(wasmDigest, waiter);
    if (before !== undefined) this.release(waiter, before, resource);
    // All of it may be in memory by now, brought there for others.
    if (this.isWhole(resource)) this.done(waiter, { resource, missing: undefined });
  }

  /** The waiter has sent, or does not want it any more. */
  leave(waiter: Waiter): void {
    const resource = this.waits.get(waiter);
    if (resource === undefined) return;
    this.waits.delete(waiter);
    this.release(waiter, resource, undefined);
  }

  private join(wasmDigest: Digest, waiter: Waiter): void {
    const known = this.loads.get(wasmDigest);
    if (known !== undefined) {
      known.waiters.add(waiter);
      return;
    }
    const load: Load = { bytes: this.modules.peek(wasmDigest), waiters: new Set([waiter]) };
    this.loads.set(wasmDigest, load);
    if (load.bytes === undefined) void this.modules.load(wasmDigest).then((bytes) => this.settle(wasmDigest, load, bytes));
  }

  private settle(wasmDigest: Digest, load: Load, bytes: Uint8Array | undefined): void {
    load.bytes = bytes;
    for (const waiter of [...load.waiters] as Waiter[]) {
      const resource = this.waits.get(waiter);
      if (resource === undefined || !load.waiters.has(waiter)) continue;
      if (bytes === undefined) this.leave(waiter);
      if (bytes === undefined || this.isWhole(resource))
        this.done(waiter, { resource, missing: bytes === undefined ? wasmDigest : undefined });
    }
  }

  private isWhole({ modules }: Resource): boolean {
    return modules.every((wasmDigest) => this.loads.get(wasmDigest)?.bytes !== undefined);
  }

  /** Lets the modules of one resource go, but for those of another. */
  private release(waiter: Waiter, { modules }: Resource, kept: Resource | undefined): void {
    for (const wasmDigest of modules) {
      const load = this.loads.get(wasmDigest);
      if (load === undefined || kept?.modules.includes(wasmDigest)) continue;
      load.waiters.delete(waiter);
      if (load.waiters.size === 0) this.loads.delete(wasmDigest);
    }
  }
}
