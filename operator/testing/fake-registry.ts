import { type Digest, digestOf } from "../../model/digest.ts";
import type { ModuleRegistry, StoreSource } from "../../model/module.ts";
import { fail, failForNow, ok } from "../../model/result.ts";

/** A registry with a store in memory: images are named by their tags, modules are their own text. */
export interface FakeRegistry extends ModuleRegistry {
  /** Points `image` at a module with this text; returns the manifest's digest. */
  push(image: string, text: string): Digest;
  /** Takes a tag away; what it pointed at stays. */
  delete(image: string): void;
  /** True: the network is away; what was pulled before is still in the store. */
  down: boolean;
  /** Pulls that went to the network. */
  pulls: number;
  /** Where modules that revisions keep are asked for first. */
  peers: StoreSource | undefined;
  /** Empties the store, as a lost disk would. */
  loseStore(): void;
}

export function createFakeRegistry(): FakeRegistry {
  const tags = new Map<string, Digest>();
  const manifests = new Map<Digest, string>();
  const store = new Map<Digest, Uint8Array<ArrayBuffer>>();
  const pulled = new Map<Digest, string>();
  const registry: FakeRegistry = {
    down: false,
    pulls: 0,
    peers: undefined,
    push(image, text) {
      const digest = digestOf(`manifest of ${text}`);
      manifests.set(digest, text);
      tags.set(image, digest);
      return digest;
    },
    delete: (image) => void tags.delete(image),
    loseStore() {
      store.clear();
      pulled.clear();
    },
    async resolve(image, pin) {
      if (pin !== undefined && pulled.has(pin)) return ok(pin);
      if (registry.down) return failForNow("RegistryUnavailable", `${image}: the registry does not answer`);
      const digest = pin ?? tags.get(image);
      return digest === undefined || !manifests.has(digest) ? fail("ImageNotFound", `${image} does not exist`) : ok(digest);
    },
    async tags(image) {
      if (registry.down) return failForNow("RegistryUnavailable", `${image}: the registry does not answer`);
      const found = [...tags.keys()].filter((name) => name.startsWith(`${image}:`)).map((name) => name.slice(image.length + 1));
      return ok(found);
    },
    async pull(image, digest, { kept, keychain }) {
      let text = pulled.get(digest);
      const module = kept?.moduleOf(digest);
      const handed = text === undefined && module !== undefined ? await registry.peers?.read(module) : undefined;
      if (handed !== undefined) {
        text = Buffer.from(handed).toString();
        pulled.set(digest, text);
        store.set(digestOf(text), handed);
      }
      if (text === undefined) {
        if (typeof keychain === "function") await keychain();
        if (registry.down) return failForNow("RegistryUnavailable", `${image}: the registry does not answer`);
        text = manifests.get(digest);
        if (text === undefined) return fail("ImageNotFound", `${image} does not exist`);
        registry.pulls++;
        pulled.set(digest, text);
        store.set(digestOf(text), Buffer.from(text));
      }
      return ok({ digest, wasmDigest: digestOf(text), size: text.length, mediaType: "application/wasm" });
    },
    configSchema: async () => ok(undefined),
    pullUrl: async (url) => fail("NotFound", url),
    read: async (wasmDigest) => store.get(wasmDigest),
    has: async (wasmDigest) => store.has(wasmDigest),
    retain() {},
    onLost: () => () => {},
    repositoryOf: (image) => image.replace(/[:@].*$/, ""),
  };
  return registry;
}
