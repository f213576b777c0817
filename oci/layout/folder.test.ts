import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { digestOf } from "../../model/digest.ts";
import { inspectImage, listTags } from "../inspect.ts";
import { createModuleRegistry } from "../module-registry.ts";
import { pushModule } from "../push.ts";
import { manifestTypes } from "../repository/manifest.ts";
import { wasm } from "../testing/images.ts";
import { failed, valued } from "../testing/result.ts";

const base = await mkdtemp(join(tmpdir(), "weir-layout-"));
after(() => rm(base, { recursive: true, force: true }));

const keychain = new Map();
const MODULE = wasm("one", 1000);
let count = 0;
const fresh = () => ({ folder: `images ${++count}`, options: { keychain, layoutBase: base } });

describe("pushing into a folder", () => {
  test("what is pushed into a folder is a valid image layout and a CNCF Wasm artifact", async () => {
    const { folder, options } = fresh();
    const pushed = valued(await pushModule(`oci-layout:./${folder}:1.0`, MODULE, { ...options, annotations: { "org.example.a": "b" } }));
    const path = join(base, folder);
    assert.deepEqual(JSON.parse(await readFile(join(path, "oci-layout"), "utf8")), { imageLayoutVersion: "1.0.0" });
    const index = JSON.parse(await readFile(join(path, "index.json"), "utf8"));
    assert.equal(index.schemaVersion, 2);
    assert.equal(index.mediaType, manifestTypes.ociIndex);
    assert.equal(index.manifests.length, 1);
    assert.equal(index.manifests[0].annotations["org.opencontainers.image.ref.name"], "1.0");
    assert.equal(index.manifests[0].digest, pushed.digest);
    for (const file of await readdir(join(path, "blobs", "sha256"))) {
      assert.equal(digestOf(await readFile(join(path, "blobs", "sha256", file))), `sha256:${file}`);
    }
    const blob = async (digest: string) => readFile(join(path, "blobs", "sha256", digest.slice(7)));
    const manifest = JSON.parse(String(await blob(pushed.digest)));
    assert.equal(manifest.config.mediaType, "application/vnd.wasm.config.v0+json");
    assert.deepEqual(manifest.layers, [{ mediaType: "application/wasm", digest: digestOf(MODULE), size: MODULE.byteLength }]);
    assert.deepEqual(manifest.annotations, { "org.example.a": "b" });
    assert.deepEqual(JSON.parse(String(await blob(manifest.config.digest))), {
      architecture: "wasm",
      os: "wasip1",
      layerDigests: [digestOf(MODULE)],
    });
    assert.equal(pushed.wasmDigest, digestOf(MODULE));
    assert.equal(pushed.reference, `oci-layout:./${folder}:1.0@${pushed.digest}`);
  });

  test("the same module has the same digest wherever and whenever it is pushed", async () => {
    const [one, two] = [fresh(), fresh()];
    const first = valued(await pushModule(`oci-layout:${one.folder}:a`, MODULE, one.options));
    const second = valued(await pushModule(`oci-layout:${two.folder}:b`, MODULE, two.options));
    assert.equal(first.digest, second.digest);
  });

  test("a moved tag points at the new image, and the old one is still found by digest", async () => {
    const { folder, options } = fresh();
    const old = valued(await pushModule(`oci-layout:${folder}:latest`, MODULE, options));
    valued(await pushModule(`oci-layout:${folder}:v1`, MODULE, options));
    const moved = valued(await pushModule(`oci-layout:${folder}:latest`, wasm("two"), options));
    valued(await pushModule(`oci-layout:${folder}:latest`, wasm("two"), options));
    assert.deepEqual(valued(await listTags(`oci-layout:${folder}:latest`, options)), ["latest", "v1"]);
    const image = valued(await inspectImage(`oci-layout:${folder}:latest`, options));
    assert.equal(image.manifest.digest, moved.digest);
    assert.deepEqual(image.bytes, wasm("two"));
    assert.equal(valued(await inspectImage(`oci-layout:${folder}@${old.digest}`, options)).module.wasmDigest, digestOf(MODULE));
    const index = JSON.parse(await readFile(join(base, folder, "index.json"), "utf8"));
    assert.equal(index.manifests.length, 2);
    valued(await pushModule(`oci-layout:${folder}:v1`, wasm("three"), options));
    const later = JSON.parse(await readFile(join(base, folder, "index.json"), "utf8"));
    assert.deepEqual(
      later.manifests.map((manifest: { digest: string; annotations?: Record<string, string> }) => [
        manifest.digest === old.digest,
        Object.values(manifest.annotations ?? {}),
      ]),
      [
        [true, []],
        [false, ["latest"]],
        [false, ["v1"]],
      ],
    );
  });
});

describe("reading from a folder", () => {
  test("the registry port serves from a folder as from a registry", async () => {
    const { folder, options } = fresh();
    const image = `oci-layout:${folder}:v1`;
    const { digest } = valued(await pushModule(image, MODULE, options));
    const registry = createModuleRegistry({ dataDir: join(base, `data-${count}`), layoutBase: base });
    assert.equal(valued(await registry.resolve(image, undefined, { keychain, namespace: "shop" })), digest);
    const module = valued(await registry.pull(image, digest, { keychain, namespace: "shop" }));
    await rm(join(base, folder), { recursive: true });
    assert.equal(valued(await registry.resolve(image, digest, { keychain, namespace: "shop" })), digest);
    assert.deepEqual(await registry.read(module.wasmDigest), MODULE);
  });

  test("a damaged, cut or missing file, tag or folder each has its own reason", async () => {
    const { folder, options } = fresh();
    const image = `oci-layout:${folder}:v1`;
    failed(await inspectImage(image, options), "ImageNotFound");
    const { digest } = valued(await pushModule(image, MODULE, options));
    failed(await inspectImage(`oci-layout:${folder}:v2`, options), "ImageNotFound");
    failed(await inspectImage(`oci-layout:${folder}@${digestOf(wasm("none"))}`, options), "ImageNotFound");
    const layer = join(base, folder, "blobs", "sha256", digestOf(MODULE).slice(7));
    await truncate(layer, 100);
    failed(await inspectImage(image, options), "TruncatedBlob");
    await writeFile(layer, wasm("two", 1000));
    failed(await inspectImage(image, options), "DigestMismatch");
    await rm(layer);
    failed(await inspectImage(image, options), "BlobNotFound");
    const manifest = join(base, folder, "blobs", "sha256", digest.slice(7));
    await writeFile(manifest, "{}");
    failed(await inspectImage(image, options), "DigestMismatch");
    await writeFile(join(base, folder, "index.json"), "not json");
    failed(await inspectImage(image, options), "InvalidManifest");
    failed(await pushModule(image, MODULE, options), "InvalidManifest");
  });
});

describe("references that a push refuses", () => {
  test("a push needs a tag and takes no digest", async () => {
    const { folder, options } = fresh();
    failed(await pushModule(`oci-layout:${folder}:a@${digestOf(MODULE)}`, MODULE, options), "InvalidReference");
    failed(await pushModule(`oci-layout:${folder}@${digestOf(MODULE)}`, MODULE, options), "InvalidReference");
  });
});
