import type { Digest } from "../../model/digest.ts";
import type { ModuleBytes } from "../../model/module.ts";

/** Modules that are all in memory. */
export function heldModules(modules: ReadonlyMap<Digest, Uint8Array>): ModuleBytes {
  return { peek: (wasmDigest) => modules.get(wasmDigest), load: async (wasmDigest) => modules.get(wasmDigest) };
}

/** Every digest is that of these bytes, and they are in memory. */
export function oneModule(code: Uint8Array = Buffer.from("code")): ModuleBytes {
  return { peek: () => code, load: async () => code };
}

/** Modules on a slow disk: a load ends when the test says so. What was loaded stays in memory until `forget`. */
export interface SlowModules extends ModuleBytes {
  /** Digests whose load is under way. */
  loading(): readonly Digest[];
  /** Ends the load with these bytes, or with none. Resolves when those who asked were told. */
  finish(wasmDigest: Digest, code: Uint8Array | undefined): Promise<void>;
  forget(): void;
}

export function slowModules(): SlowModules {
  const kept = new Map<Digest, Uint8Array>();
  const loading = new Map<Digest, PromiseWithResolvers<Uint8Array | undefined>>();
  return {
    peek: (wasmDigest) => kept.get(wasmDigest),
    load(wasmDigest) {
      const load = loading.get(wasmDigest) ?? Promise.withResolvers();
      loading.set(wasmDigest, load);
      return load.promise;
    },
    loading: () => [...loading.keys()],
    async finish(wasmDigest, code) {
      if (code !== undefined) kept.set(wasmDigest, code);
      loading.get(wasmDigest)?.resolve(code);
      loading.delete(wasmDigest);
      await new Promise(setImmediate);
    },
    forget: () => kept.clear(),
  };
}

/** A digest made of this letter, from a to f. */
export function digestFixture(letter: string): Digest {
  return `sha256:${letter.repeat(64)}`;
}
