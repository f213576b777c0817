import { LRUCache } from "lru-cache";
import type { Digest } from "../model/digest.ts";
import type { Log } from "../model/log.ts";
import type { ModuleBytes, StoreSource } from "../model/module.ts";

export interface ModuleCacheOptions {
  readonly source: StoreSource;
  /** Bytes of modules to keep in memory beyond those that are being sent; 0 keeps none. */
  readonly maxBytes: number;
  readonly log: Log;
}

/** The modules that were asked for lately, in front of a source; what fits no more goes, least recently asked for first. Concurrent loads of a module are one read. */
export function createModuleCache({ source, maxBytes, log }: ModuleCacheOptions): ModuleBytes {
  const kept = new LRUCache<Digest, Uint8Array>({
    maxSize: Math.max(1, maxBytes),
    sizeCalculation: (bytes) => Math.max(1, bytes.byteLength),
  });
  const loading = new Map<Digest, Promise<Uint8Array | undefined>>();

  async function read(wasmDigest: Digest): Promise<Uint8Array | undefined> {
    try {
      const bytes = await source.read(wasmDigest);
      if (bytes !== undefined) kept.set(wasmDigest, bytes);
      return bytes;
    } catch (error) {
      log.error("A module cannot be read.", { wasmDigest, error: String(error) });
      return undefined;
    }
  }

  return {
    peek: (wasmDigest) => kept.get(wasmDigest),
    async load(wasmDigest) {
      const bytes = kept.get(wasmDigest);
      if (bytes !== undefined) return bytes;
      const started = loading.get(wasmDigest) ?? read(wasmDigest).finally(() => loading.delete(wasmDigest));
      loading.set(wasmDigest, started);
      return started;
    },
  };
}
