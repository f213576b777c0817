import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createArtifact, inspectImage, openLocalImages, parseReference, readContent } from "../oci/index.ts";
import { addBlob, addManifest, compress, createContent, tar, wasm } from "../oci/testing/images.ts";
import { valued } from "../oci/testing/result.ts";
import { upload } from "../oci/testing/upload.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { lacksSkopeo, runSkopeo } from "./support/skopeo.ts";
import { createTempFolder } from "./support/temp-folder.ts";

const keychain = new Map();

let registry: Registry;
let folder: Awaited<ReturnType<typeof createTempFolder>>;

before(async () => {
  if (!lacksSkopeo) [registry, folder] = await Promise.all([startRegistry(), createTempFolder("skopeo")]);
});

after(() => Promise.all([registry?.stop(), folder?.remove()]));

/** Copies an image with all its bits, between folders and registries over HTTP. */
async function copy(from: string, to: string): Promise<void> {
  const flags = ["--insecure-policy", "copy", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"];
  await runSkopeo([...flags, from, to], folder.path);
}

function named(text: string) {
  const reference = valued(parseReference(text));
  assert.ok(reference.kind === "registry");
  return reference;
}

test("skopeo reads the images of a machine, by tag, with their digest", { skip: lacksSkopeo }, async () => {
  const images = openLocalImages(join(folder.path, "images"));
  const module = wasm("one", 5_000);
  valued(await images.put(named("registry.example/me/other:0.2"), createArtifact(wasm("two"))));
  const { digest } = valued(await images.put(named("registry.example/me/f:0.1"), createArtifact(module, { annotations: { a: "b" } })));
  await copy(`oci:${images.directory}:0.1`, `docker://${registry.host}/me/f:0.1`);
  const copied = valued(await inspectImage(`${registry.host}/me/f:0.1`, { keychain }));
  assert.equal(copied.manifest.digest, digest);
  assert.deepEqual(copied.bytes, module);
});

test("what skopeo wrote into a folder, or among the images of a machine, is read, listed and removed", { skip: lacksSkopeo }, async () => {
  const content = createContent();
  const module = wasm("three", 5_000);
  const layer = addBlob(
    content,
    "application/vnd.oci.image.layer.v1.tar+gzip",
    compress.gzip(await tar([{ name: "plugin.wasm", bytes: module }])),
  );
  const { digest } = addManifest(content, "application/vnd.oci.image.config.v1+json", [layer], "v1");
  await upload(registry.host, "me/archive", content);
  await copy(`docker://${registry.host}/me/archive:v1`, `oci:${folder.path}/written:v1`);
  const read = valued(await inspectImage("oci-layout:written:v1", { keychain, layoutBase: folder.path }));
  assert.deepEqual([read.manifest.digest, read.bytes], [digest, module]);

  const images = openLocalImages(join(folder.path, "images"));
  await copy(`docker://${registry.host}/me/archive:v1`, `oci:${images.directory}:v1`);
  const [unnamed, ...others] = valued(await images.list()).filter(({ name }) => name === undefined);
  assert.deepEqual([unnamed?.digest, others], [digest, []]);
  assert.equal(valued(await images.list()).length, 3, "skopeo kept what was there");
  assert.deepEqual(valued(await images.remove(digest)).deleted, [digest]);
  const left = valued(
    await readContent(images.repository(named("registry.example/me/f:0.1")), { digest: valued(await images.list())[0]?.digest ?? digest }),
  );
  assert.equal(left.blobs.length, 2);
});
