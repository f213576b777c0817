import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { digestOf } from "../model/digest.ts";
import type { Keychain } from "../model/module.ts";
import { createModuleRegistry, inspectImage, listTags, parseDockerConfig, pushModule } from "../oci/index.ts";
import { addBlob512, addDocument, addIndex, createContent } from "../oci/testing/images.ts";
import { layouts } from "../oci/testing/layouts.ts";
import { failed, valued } from "../oci/testing/result.ts";
import { upload } from "../oci/testing/upload.ts";
import { highestTag } from "../operator/filter/version-range.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";

const auth = { username: "robot", password: "s3cret:with colon" };
const anonymous: Keychain = new Map();
const namespace = "shop";

let registry: Registry;
let storage: Awaited<ReturnType<typeof createTempFolder>>;
let keychain: Keychain;

before(async () => {
  storage = await createTempFolder("oci-registry");
  registry = await startRegistry({ auth, storage: `${storage.path}/registry` });
  keychain = keychainOf(auth.username, auth.password);
});

after(async () => {
  await registry?.stop();
  await storage?.remove();
});

/** As it comes out of a kubernetes.io/dockerconfigjson Secret. */
function keychainOf(username: string, password: string): Keychain {
  const basic = Buffer.from(`${username}:${password}`).toString("base64");
  return valued(parseDockerConfig(JSON.stringify({ auths: { [`http://${registry.host}`]: { auth: basic } } })));
}

const modules = createCounter();
function createCounter() {
  let count = 0;
  return async (padding = 0) => headerFilter({ name: "x-filter", value: `v${++count}`, padding });
}

async function registryPort() {
  const data = await createTempFolder("oci-data");
  after(() => data.remove());
  return { port: createModuleRegistry({ dataDir: data.path }), reopen: () => createModuleRegistry({ dataDir: data.path }) };
}

describe("push, pull and inspect", () => {
  test("a pushed module is resolved, pulled and read back, and a moved tag is seen", async () => {
    const image = `${registry.host}/filters/add-header:1.2`;
    const [one, two] = [await modules(2_000_000), await modules()];
    const pushed = valued(await pushModule(image, one, { keychain }));
    const { port } = await registryPort();
    assert.equal(valued(await port.resolve(image, undefined, { keychain, namespace })), pushed.digest);
    const module = valued(await port.pull(image, pushed.digest, { keychain, namespace }));
    assert.equal(module.wasmDigest, pushed.wasmDigest);
    assert.notEqual(module.wasmDigest, module.digest);
    assert.deepEqual(Buffer.from((await port.read(module.wasmDigest)) ?? []), Buffer.from(one));

    const moved = valued(await pushModule(image, two, { keychain }));
    assert.notEqual(moved.digest, pushed.digest);
    assert.equal(valued(await port.resolve(image, undefined, { keychain, namespace })), moved.digest);
    assert.equal(valued(await port.resolve(image, pushed.digest, { keychain, namespace })), pushed.digest);
    const { port: elsewhere } = await registryPort();
    assert.equal(
      valued(await elsewhere.pull(image, pushed.digest, { keychain, namespace })).wasmDigest,
      pushed.wasmDigest,
      "the old digest is still there",
    );
  });

  test("every layout, and an index over one, is taken by a real registry and gives its module back", async () => {
    const { port } = await registryPort();
    for (const [i, [name, build]] of Object.entries(layouts).entries()) {
      const module = await modules();
      const content = createContent();
      const image = await build(content, module);
      const index = addIndex(content, [{ ...image, platform: { architecture: "wasm", os: "wasip1" } }], "multi");
      const repository = `filters/layout-${i}`;
      await upload(registry.host, repository, content, auth);
      for (const [tag, pin] of [["v1"], ["multi"], ["multi", index.digest], ["v1", image.digest]] as const) {
        const reference = `${registry.host}/${repository}:${tag}`;
        assert.equal(valued(await port.resolve(reference, pin, { keychain, namespace })), image.digest, `${name} as ${tag}`);
      }
      const pulled = valued(await port.pull(`${registry.host}/${repository}:multi`, image.digest, { keychain, namespace }));
      assert.deepEqual(Buffer.from((await port.read(pulled.wasmDigest)) ?? []), Buffer.from(module), name);
    }
  });

  test("a module whose blobs are named by sha512 is pulled, and its own digest is its sha256", async () => {
    const module = await modules();
    const content = createContent();
    const config = addBlob512(content, "application/vnd.oci.empty.v1+json", Buffer.from("{}"));
    const layers = [addBlob512(content, "application/wasm", module)];
    const mediaType = "application/vnd.oci.image.manifest.v1+json";
    const { digest } = addDocument(content, mediaType, { schemaVersion: 2, mediaType, config, layers }, "v1");
    await upload(registry.host, "filters/sha512", content, auth);
    const { port } = await registryPort();
    const image = `${registry.host}/filters/sha512:v1`;
    assert.equal(valued(await port.resolve(image, undefined, { keychain, namespace })), digest);
    const pulled = valued(await port.pull(image, digest, { keychain, namespace }));
    assert.equal(pulled.wasmDigest, digestOf(module));
    assert.deepEqual(Buffer.from((await port.read(pulled.wasmDigest)) ?? []), Buffer.from(module));
  });

  test("pushing the same module twice changes nothing and gives the same digest", async () => {
    const module = await modules();
    const first = valued(await pushModule(`${registry.host}/filters/same:a`, module, { keychain }));
    const second = valued(await pushModule(`${registry.host}/filters/same:b`, module, { keychain }));
    assert.equal(first.digest, second.digest);
    assert.deepEqual(valued(await listTags(`${registry.host}/filters/same`, { keychain })), ["a", "b"]);
  });

  test("every tag is listed, over several pages, and the highest version of a range is found among them", async (t) => {
    const repository = `${registry.host}/filters/many`;
    const { digest } = valued(await pushModule(`${repository}:1.2.0`, await modules(), { keychain }));
    const headers = { authorization: `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString("base64")}` };
    const at = `http://${registry.host}/v2/filters/many`;
    const manifest = await fetch(`${at}/manifests/${digest}`, {
      headers: { ...headers, accept: "application/vnd.oci.image.manifest.v1+json" },
    });
    const body = await manifest.bytes();
    const type = manifest.headers.get("content-type") ?? "";
    const tags = Array.from({ length: 1_040 }, (_, i) => `1.1.${i}`);
    for (let i = 0; i < tags.length; i += 20) {
      const put = (tag: string) => fetch(`${at}/manifests/${tag}`, { method: "PUT", body, headers: { ...headers, "content-type": type } });
      for (const { status } of await Promise.all(tags.slice(i, i + 20).map(put))) assert.equal(status, 201);
    }
    const first = await fetch(`${at}/tags/list?n=1000`, { headers });
    assert.match(first.headers.get("link") ?? "", /rel="next"/);
    const { port } = await registryPort();
    const from = performance.now();
    const listed = valued(await port.tags(repository, { keychain, namespace }));
    t.diagnostic(`1,041 tags in ${Math.round(performance.now() - from)} ms`);
    assert.deepEqual(listed, [...tags, "1.2.0"].sort());
    assert.equal(highestTag(listed, { semver: "~1.1", prerelease: false }), "1.1.1039");
    failed(await port.tags(`${registry.host}/filters/unknown`, { keychain, namespace }), "ImageNotFound");
  });

  test("inspect shows manifest, layer and module with their digests", async () => {
    const module = await modules();
    const image = `${registry.host}/filters/inspected:v1`;
    const pushed = valued(await pushModule(image, module, { keychain, annotations: { "org.opencontainers.image.title": "inspected" } }));
    const seen = valued(await inspectImage(image, { keychain }));
    assert.equal(seen.manifest.digest, pushed.digest);
    assert.equal(seen.manifest.config?.mediaType, "application/vnd.wasm.config.v0+json");
    assert.deepEqual(seen.manifest.annotations, { "org.opencontainers.image.title": "inspected" });
    assert.equal(seen.layer.digest, pushed.wasmDigest);
    assert.equal(seen.module.size, module.byteLength);
    assert.equal(seen.indexDigest, undefined);
  });
});

describe("what a registry refuses or does not have", () => {
  test("wrong, missing and another registry's credentials are denied, and no message holds the password", async () => {
    const image = `${registry.host}/filters/private:v1`;
    const { digest } = valued(await pushModule(image, await modules(), { keychain }));
    const { port } = await registryPort();
    const other: Keychain = new Map([["other.example", [auth]]]);
    for (const wrong of [keychainOf("robot", "hunter2"), keychainOf("nobody", "hunter2"), anonymous, other]) {
      for (const result of [
        await port.resolve(image, undefined, { keychain: wrong, namespace }),
        await port.pull(image, digest, { keychain: wrong, namespace }),
        await pushModule(image, await modules(), { keychain: wrong }),
      ]) {
        const failure = failed(result, "AccessDenied");
        assert.equal(failure.retryable, false);
        assert.ok(!failure.message.includes("hunter2") && !failure.message.includes(auth.password));
      }
    }
  });

  test("an unknown repository, tag and digest are not found", async () => {
    const { port } = await registryPort();
    const { digest } = valued(await pushModule(`${registry.host}/filters/known:v1`, await modules(), { keychain }));
    failed(await port.resolve(`${registry.host}/filters/unknown:v1`, undefined, { keychain, namespace }), "ImageNotFound");
    failed(await port.resolve(`${registry.host}/filters/known:v2`, undefined, { keychain, namespace }), "ImageNotFound");
    failed(await port.pull(`${registry.host}/filters/unknown:v1`, digest, { keychain, namespace }), "ImageNotFound");
  });

  test("with the registry stopped a known digest is served, a tag waits, and both work again when it is back", async () => {
    const image = `${registry.host}/filters/outage:v1`;
    const { digest, wasmDigest } = valued(await pushModule(image, await modules(), { keychain }));
    const { port, reopen } = await registryPort();
    valued(await port.pull(image, digest, { keychain, namespace }));
    await registry.stop();
    const restarted = reopen();
    const keeps = (kept: string) => kept === digest;
    const asking = {
      keychain: anonymous,
      namespace,
      kept: { byFilter: keeps, moduleOf: () => undefined, byNamespace: keeps, modules: () => new Set<never>() },
    };
    assert.equal(valued(await restarted.resolve(image, digest, asking)), digest);
    assert.equal(valued(await restarted.pull(image, digest, asking)).wasmDigest, wasmDigest);
    const other = { keychain, namespace: "elsewhere" };
    assert.ok(failed(await restarted.pull(image, digest, other), "RegistryUnavailable").retryable);
    assert.ok((await restarted.read(wasmDigest)) !== undefined);
    assert.ok(failed(await restarted.resolve(image, undefined, { keychain, namespace }), "RegistryUnavailable").retryable);
    assert.ok(failed(await pushModule(image, await modules(), { keychain }), "RegistryUnavailable").retryable);
    registry = await startRegistry({ auth, storage: `${storage.path}/registry`, port: registry.port });
    assert.equal(valued(await restarted.resolve(image, undefined, { keychain, namespace })), digest);
  });
});
