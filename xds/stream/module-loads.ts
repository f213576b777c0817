import { inBackground } from "../../base/boundary.ts";
import type { Digest } from "../../model/digest.ts";
import type { ModuleBytes } from "../../model/module.ts";
import type { Resource } from "../protocol/resource.ts";

/** The end of a wait. `missing`: a module of the resource that could not be loaded; `undefined`: all of them are in memory. */
export type Loaded = { readonly resource: Resource; readonly missing: Digest | undefined };

interface Load {
  bytes: Uint8Array | undefined;
  readonly waiters: Set<object>;
}

/**
 * Loads the modules of resources that are due, and keeps them in memory until the waiters have sent: a chain may be larger than the cache
 * of modules. Loads are single-flight: a module that several waiters need is loaded once.
 */
export class ModuleLoads<Waiter extends object> {
  private readonly modules: ModuleBytes;
  private readonly done: (waiter: Waiter, loaded: Loaded) => void;
  private readonly waits = new Map<Waiter, Resource>();
  private readonly loads = new Map<Digest, Load>();

  /** `done` is called once for each `wait`, unless the waiter leaves or waits for another resource first. */
  constructor(modules: ModuleBytes, done: (waiter: Waiter, loaded: Loaded) => void) {
    this.modules = modules;
    this.done = done;
  }

  /** A module's bytes, if they are in memory. */
  peek(wasmDigest: Digest): Uint8Array | undefined {
    return this.loads.get(wasmDigest)?.bytes ?? this.modules.peek(wasmDigest);
  }

  /** Loads the modules of the resource. It replaces what the waiter waited for before. */
  wait(waiter: Waiter, resource: Resource): void {
    const before = this.waits.get(waiter);
    if (before === resource) return;
    this.waits.set(waiter, resource);
    for (const wasmDigest of resource.modules) this.join(wasmDigest, waiter);
    if (before !== undefined) this.release(waiter, before, resource);
    // Others may have loaded all of it already.
    if (this.isWhole(resource)) this.done(waiter, { resource, missing: undefined });
  }

  /** The waiter has sent the resource, or does not need it any more. */
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
    if (load.bytes === undefined) {
      // What cannot be loaded counts as missing: who needs it keeps what it has.
      const settled = this.modules.load(wasmDigest).then((bytes) => this.settle(wasmDigest, load, bytes));
      inBackground(settled, () => this.settle(wasmDigest, load, undefined));
    }
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

  /** Releases the modules of one resource that are not in another. */
  private release(waiter: Waiter, { modules }: Resource, kept: Resource | undefined): void {
    for (const wasmDigest of modules) {
      const load = this.loads.get(wasmDigest);
      if (load === undefined || kept?.modules.includes(wasmDigest)) continue;
      load.waiters.delete(waiter);
      if (load.waiters.size === 0) this.loads.delete(wasmDigest);
    }
  }
}
