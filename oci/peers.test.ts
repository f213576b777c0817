import assert from "node:assert/strict";
import { test } from "node:test";
import { type Digest, digestOf } from "../model/digest.ts";
import type { StoreSource } from "../model/module.ts";
import { anonymous, keeping, keepingModules, MODULE, registryOn } from "./testing/module-registry.ts";
import { failed, valued } from "./testing/result.ts";

/** A registry that does not answer. */
const AWAY = "127.0.0.1:1/filters/f:v1";
const MANIFEST = digestOf("manifest");
const WASM = digestOf(MODULE);

/** Other replicas, of which one has this module. */
function peersWith(bytes: Uint8Array<ArrayBuffer> | undefined): StoreSource & { readonly asked: Digest[] } {
  const asked: Digest[] = [];
  return {
    asked,
    async read(wasmDigest) {
      asked.push(wasmDigest);
      return bytes;
    },
  };
}

const module = new Uint8Array(MODULE);

test("what a filter's revisions keep comes from a peer, once, while the registry is gone", async () => {
  const peers = peersWith(module);
  const { registry, dataDir } = await registryOn({ peers });
  const asking = keepingModules(new Map([[MANIFEST, WASM]]));
  const pull = () => registry.pull(AWAY, MANIFEST, asking);
  const pulled = await Promise.all([pull(), pull()]);
  assert.deepEqual(pulled.map(valued), Array(2).fill({ digest: MANIFEST, wasmDigest: WASM, size: module.byteLength, mediaType: "" }));
  assert.deepEqual(await registry.read(WASM), module);
  const { registry: restarted } = await registryOn({ dataDir });
  assert.equal(valued(await restarted.pull(AWAY, MANIFEST, keeping(MANIFEST))).wasmDigest, WASM);
  assert.deepEqual(peers.asked, [WASM]);
});

test("credentials are not even read for what a peer has", async () => {
  let read = 0;
  const keychain = async () => {
    read++;
    return new Map();
  };
  const asking = { ...keepingModules(new Map([[MANIFEST, WASM]])), keychain };
  const { registry } = await registryOn({ peers: peersWith(module) });
  valued(await registry.pull(AWAY, MANIFEST, asking));
  assert.equal(read, 0);
  const { registry: alone } = await registryOn({ peers: peersWith(undefined) });
  failed(await alone.pull(AWAY, MANIFEST, asking), "RegistryUnavailable");
  assert.equal(read, 1);
});

test("the same for a module at a URL", async () => {
  const peers = peersWith(module);
  const { registry } = await registryOn({ peers });
  const pulled = await registry.pullUrl("http://127.0.0.1:1/f.wasm", WASM, keepingModules(new Map([[WASM, WASM]])));
  assert.equal(valued(pulled).wasmDigest, WASM);
});

test("what a peer gave is for the filter that keeps it: another that names the digest must show access at the registry", async () => {
  const peers = peersWith(module);
  const { registry } = await registryOn({ peers });
  valued(await registry.pull(AWAY, MANIFEST, keepingModules(new Map([[MANIFEST, WASM]]))));
  failed(await registry.pull(AWAY, MANIFEST, anonymous), "RegistryUnavailable");
  assert.equal((await registry.pullUrl("http://127.0.0.1:1/f.wasm", WASM, anonymous)).ok, false);
  assert.equal(peers.asked.length, 1);
});

test("what no revision of the filter has is asked of no peer; what no peer has is asked of the registry", async () => {
  const peers = peersWith(undefined);
  const { registry } = await registryOn({ peers });
  failed(await registry.pull(AWAY, MANIFEST, anonymous), "RegistryUnavailable");
  assert.deepEqual(peers.asked, []);
  failed(await registry.pull(AWAY, MANIFEST, keepingModules(new Map([[MANIFEST, WASM]]))), "RegistryUnavailable");
  assert.deepEqual(peers.asked, [WASM]);
  assert.equal(await registry.has(WASM), false);
});
