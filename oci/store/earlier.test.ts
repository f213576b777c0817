import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type Digest, digestOf } from "../../model/digest.ts";
import { addArtifact, addIndex, createContent, wasm } from "../testing/images.ts";
import { anonymous, keeping, MODULE, registryOn, withFake } from "../testing/module-registry.ts";
import { failed, valued } from "../testing/result.ts";

const folders: string[] = [];
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

/** A data folder as commit a904717 wrote it. */
async function earlierStore(
  blobs: readonly Uint8Array[],
  modules: Readonly<Record<string, string>>,
  indexes: Readonly<Record<string, string>>,
): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), "weir-earlier-"));
  folders.push(dataDir);
  const store = join(dataDir, "modules");
  for (const folder of ["blobs/sha256", "modules", "indexes"]) await mkdir(join(store, folder), { recursive: true });
  for (const bytes of blobs) await writeFile(join(store, "blobs/sha256", digestOf(bytes).slice(7)), bytes);
  const write = (folder: string, name: string, record: object) =>
    writeFile(join(store, folder, `${name.slice(7)}.json`), `${JSON.stringify(record)}\n`);
  for (const [name, wasmDigest] of Object.entries(modules)) await write("modules", name, { wasmDigest, size: 1, mediaType: "" });
  for (const [name, manifest] of Object.entries(indexes)) await write("indexes", name, { manifest });
  return dataDir;
}

test("what an earlier version stored is found again by those whose revisions have it, and nobody is asked for it", async () => {
  const [image, url] = [digestOf("the manifest"), digestOf(wasm("url"))];
  const dataDir = await earlierStore([MODULE, wasm("url")], { [image]: digestOf(MODULE), [url]: url }, { [digestOf("index")]: image });
  const requests: string[] = [];
  const { registry } = await registryOn({ dataDir, fetch: async (to) => Promise.reject(new Error(requests.push(to).toString())) });
  const name = "registry.example/f:1";
  assert.equal(valued(await registry.pull(name, image, keeping(image))).wasmDigest, digestOf(MODULE));
  assert.equal(valued(await registry.pullUrl("https://files.example/f.wasm", url, keeping(url))).wasmDigest, url);
  assert.deepEqual(requests, []);
  assert.equal(valued(await registry.resolve(name, digestOf("index"), keeping(image))), image, "an index, when nobody answers");
  const store = join(dataDir, "modules");
  assert.deepEqual(await readdir(join(store, "manifests")), [`${image.slice(7)}.json`]);
  assert.deepEqual(await readdir(join(store, "urls")), [`${url.slice(7)}.json`]);
  assert.deepEqual(await readdir(join(store, "modules")), []);
  failed(await registry.pull(name, image, { ...anonymous, namespace: "other" }), "RegistryUnavailable");
});

test("what was wrong in an earlier version's records is not believed any more", async () => {
  const content = createContent();
  const artifact = addArtifact(content, MODULE, "v1");
  const index = addIndex(content, [artifact], "multi");
  const manifest = content.manifests.get(artifact.digest)?.bytes ?? assert.fail();
  const other: Digest = digestOf("another manifest");
  // A URL that gave the manifest, and an index that was read without one of its images.
  const dataDir = await earlierStore(
    [manifest, wasm("wrong")],
    { [artifact.digest]: artifact.digest, [other]: digestOf(wasm("wrong")) },
    { [index.digest]: other },
  );
  await withFake(content, async (fake) => {
    const { registry } = await registryOn({ dataDir });
    const asking = keeping(other);
    assert.equal(valued(await registry.resolve(`${fake.host}/f:multi`, index.digest, asking)), artifact.digest);
    assert.equal(valued(await registry.pull(`${fake.host}/f:multi`, artifact.digest, asking)).wasmDigest, digestOf(MODULE));
  });
});
