import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { runWeir } from "../cli/testing/weir.ts";
import { type Digest, digestOf } from "../model/digest.ts";
import { copyImage, createLayoutRepository, openReference } from "../oci/index.ts";
import { manifestTypes } from "../oci/repository/manifest.ts";
import { addReferrer, listReferrers } from "../oci/repository/referrers.ts";
import { addArtifact, addBlob, addIndex, addManifest, compress, createContent, tar, wasm } from "../oci/testing/images.ts";
import { valued } from "../oci/testing/result.ts";
import { upload } from "../oci/testing/upload.ts";
import { startProcess } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { lacksSkopeo, runSkopeo } from "./support/skopeo.ts";
import { createTempFolder } from "./support/temp-folder.ts";

const keychain = new Map();

let source: Registry;
let target: Registry;
let folder: Awaited<ReturnType<typeof createTempFolder>>;

before(async () => {
  [source, target, folder] = await Promise.all([startRegistry(), startRegistry(), createTempFolder("copy")]);
});

after(() => Promise.all([source?.stop(), target?.stop(), folder?.remove()]));

const weir = async (...argv: string[]) => {
  const home = await mkdtemp(join(folder.path, "home-"));
  const done = await runWeir(home, argv);
  assert.equal(done.status, 0, done.err);
  return JSON.parse(done.out);
};

const open = (text: string) => valued(openReference(text, keychain, { layoutBase: folder.path })).repository;
const encode = (document: object) => new TextEncoder().encode(JSON.stringify(document));

/** Puts what refers to an image into its repository, as any tool does: an SBOM. */
async function refer(image: string, subject: { digest: Digest; size: number; mediaType: string }, text: string): Promise<Digest> {
  const repository = open(image);
  const [sbom, empty] = [encode({ spdxVersion: text }), encode({})];
  for (const blob of [sbom, empty]) valued(await repository.putBlob(blob, digestOf(blob)));
  const artifactType = "application/spdx+json";
  const describe = (mediaType: string, bytes: Uint8Array) => ({ mediaType, digest: digestOf(bytes), size: bytes.byteLength });
  const config = describe("application/vnd.oci.empty.v1+json", empty);
  const layers = [describe(artifactType, sbom)];
  const bytes = encode({ schemaVersion: 2, mediaType: manifestTypes.ociManifest, artifactType, config, layers, subject });
  return valued(await addReferrer(repository, subject.digest, { bytes, artifactType, annotations: {} }));
}

async function digestAt(text: string): Promise<Digest> {
  const opened = valued(openReference(text, keychain, { layoutBase: folder.path }));
  return valued(await opened.repository.manifest(opened.reference.digest ?? opened.reference.tag ?? "")).digest;
}

describe("weir copy", () => {
  test("an index with its platforms, signatures and SBOMs comes over with all its bits, and comes back from a folder", async () => {
    const content = createContent();
    const layer = addBlob(
      content,
      "application/vnd.oci.image.layer.v1.tar+gzip",
      compress.gzip(await tar([{ name: "plugin.wasm", bytes: wasm("one", 5_000) }])),
    );
    const platforms = ["amd64", "arm64"].map((architecture) => ({
      ...addManifest(content, "application/vnd.oci.image.config.v1+json", [layer], architecture),
      platform: { architecture, os: "linux" },
    }));
    const index = addIndex(content, platforms, "v1");
    await upload(source.host, "team/f", content);
    const from = `${source.host}/team/f:v1`;
    const sbom = await refer(from, index, "SPDX-2.3");
    const [amd] = platforms;
    assert.ok(amd);
    const ofPlatform = await refer(from, amd, "SPDX-2.2");
    const signature = createContent();
    addArtifact(signature, wasm("a signature"), `${index.digest.replace(":", "-")}.sig`);
    await upload(source.host, "team/f", signature);

    const to = `${target.host}/mirror/f:v1`;
    const copied = await weir("copy", from, to, "-o", "json");
    assert.deepEqual([copied.digest, copied.documents, copied.referrers], [index.digest, 3, 3]);
    assert.equal(await digestAt(to), index.digest);
    const referrersAt = async (text: string, digest: Digest) =>
      valued(await listReferrers(open(text), digest)).map((each) => [each.digest, each.artifactType]);
    assert.deepEqual(await referrersAt(to, index.digest), [[sbom, "application/spdx+json"]]);
    assert.deepEqual(await referrersAt(to, amd.digest), [[ofPlatform, "application/spdx+json"]]);
    const tag = `${index.digest.replace(":", "-")}.sig`;
    assert.equal(await digestAt(`${target.host}/mirror/f:${tag}`), signature.tags.get(tag));

    // Into a folder, where there is no referrers API, and out of it again.
    const layout = createLayoutRepository(join(folder.path, "kept"), "kept");
    valued(await copyImage(open(to), "v1", layout, ["v1"], { referrers: true }));
    const back = createLayoutRepository(join(folder.path, "back"), "back");
    valued(await copyImage(layout, "v1", back, ["v1"], { referrers: true }));
    assert.deepEqual(
      valued(await listReferrers(back, index.digest)).map(({ digest }) => digest),
      [sbom],
    );
    const again = valued(await copyImage(back, "v1", open(`${target.host}/again/f:v1`), ["v1"], { referrers: true }));
    assert.deepEqual([again.digest, again.referrers], [index.digest, 3]);
    assert.equal(await digestAt(`${target.host}/again/f:${tag}`), signature.tags.get(tag));
  });

  test("within one registry blobs are taken over, and what is there is not sent again", async () => {
    const content = createContent();
    const { digest } = addArtifact(content, wasm("two", 100_000), "v1");
    await upload(source.host, "team/g", content);
    const first = await weir("copy", `${source.host}/team/g:v1`, `${source.host}/prod/g:v1`, "-o", "json");
    assert.deepEqual([first.digest, first.blobs], [digest, { sent: 0, mounted: 2, there: 0 }]);
    const second = await weir("copy", `${source.host}/team/g:v1`, `${source.host}/prod/g:v2`, "-o", "json");
    assert.deepEqual(second.blobs, { sent: 0, mounted: 0, there: 2 });
  });

  test("a large image goes through piece by piece", { timeout: 120_000 }, async (t) => {
    const content = createContent();
    const { digest } = addArtifact(content, wasm("large", 96 << 20), "v1");
    await upload(source.host, "team/large", content);
    content.blobs.clear();
    const script = `
      import { copyImage, openReference } from ${JSON.stringify(new URL("../oci/index.ts", import.meta.url).href)};
      const open = (text) => openReference(text, new Map(), {}).value.repository;
      const [from, small, to] = process.argv.slice(1);
      const peak = () => process.resourceUsage().maxRSS >> 10;
      await copyImage(open(small), "v1", open(to), ["small"], { referrers: true });
      const before = peak();
      const copied = await copyImage(open(from), "v1", open(to), ["v1"], { referrers: true });
      console.log(JSON.stringify({ ok: copied.ok, digest: copied.value?.digest, grown: peak() - before, error: copied.error }));`;
    const small = createContent();
    addArtifact(small, wasm("small", 1_000_000), "v1");
    await upload(source.host, "team/small", small);
    const names = [`${source.host}/team/large:v1`, `${source.host}/team/small:v1`, `${target.host}/mirror/large:v1`];
    const run = await startProcess(process.execPath, ["--input-type=module", "-e", script, ...names], { name: "copy" });
    assert.equal((await run.exited).code, 0, run.logs());
    const done = JSON.parse(/^\{.*\}$/m.exec(run.logs())?.[0] ?? "{}");
    t.diagnostic(`96 MiB copied with ${done.grown} MiB more of memory at the peak`);
    assert.deepEqual([done.ok, done.digest], [true, digest], JSON.stringify(done.error));
    assert.ok(done.grown < 48, `${done.grown} MiB`);
  });

  test("skopeo reads what was copied, and what skopeo writes is copied on", { skip: lacksSkopeo }, async () => {
    const content = createContent();
    const { digest } = addArtifact(content, wasm("three", 5_000), "v1");
    await upload(source.host, "team/h", content);
    await weir("copy", `${source.host}/team/h:v1`, `${target.host}/mirror/h:v1`, "-o", "json");
    const flags = ["--insecure-policy", "copy", "--preserve-digests", "--src-tls-verify=false"];
    await runSkopeo([...flags, `docker://${target.host}/mirror/h:v1`, `oci:${folder.path}/skopeo:v1`], folder.path);
    const written = createLayoutRepository(join(folder.path, "skopeo"), "skopeo");
    const copied = valued(await copyImage(written, "v1", open(`${target.host}/from-skopeo/h:v1`), ["v1"], { referrers: true }));
    assert.equal(copied.digest, digest);
  });
});
