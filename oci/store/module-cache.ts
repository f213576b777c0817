import { LRUCache } from "lru-cache";
import { createSingleFlight } from "../../base/single-flight.ts";
import type { Digest } from "../../model/digest.ts";
import type { Log } from "../../model/log.ts";
import type { ModuleBytes, StoreSource } from "../../model/module.ts";

export interface ModuleCacheOptions {
  readonly source: StoreSource;
  /** Bytes of modules to keep in memory beyond those that are being sent; 0 keeps none. */
  readonly maxBytes: number;
  readonly log: Log;
}

/** A cache of modules in front of a source: the least recently used goes first. Concurrent loads of a module share one read. */
export function createModuleCache({ source, maxBytes, log }: ModuleCacheOptions): ModuleBytes {
  const kept = new LRUCache<Digest, Uint8Array>({
    maxSize: Math.max(1, maxBytes),
    sizeCalculation: (bytes) => Math.max(1, bytes.byteLength),
  });
  const loads = createSingleFlight<Uint8Array | undefined>();

  async function read(wasmDigest: Digest): Promise<Uint8Array | undefined> {
    try {
      const bytes = await source.read(wasmDigest);
      if (bytes !== undefined) kept.set(wasmDigest, bytes);
      return bytes;
    } catch (error) {
      log.error("a module cannot be read", { wasmDigest, error: String(error) });
      return undefined;
    }
  }

  return {
    peek: (wasmDigest) => kept.get(wasmDigest),
    async load(wasmDigest) {
      const bytes = kept.get(wasmDigest);
      if (bytes !== undefined) return bytes;
      return loads.run(wasmDigest, () => read(wasmDigest));
    },
  };
}
