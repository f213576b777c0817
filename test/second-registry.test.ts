import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Keychain } from "../model/module.ts";
import { createModuleRegistry, openReference, pushModule } from "../oci/index.ts";
import { addBlob, createContent } from "../oci/testing/images.ts";
import { valued } from "../oci/testing/result.ts";
import { upload } from "../oci/testing/upload.ts";
import { highestTag } from "../operator/filter/version-range.ts";
import { installGoTool } from "../scripts/tools/go.ts";
import { startOnReservedPort } from "./support/ports.ts";
import { type Process, startProcess } from "./support/process.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";

/** go-containerregistry's registry, a second implementation beside CNCF distribution. */
const keychain: Keychain = new Map();
const namespace = "shop";
let server: Process;
let host: string;
let data: Awaited<ReturnType<typeof createTempFolder>>;

before(async () => {
  data = await createTempFolder("second-registry");
  const binary = await installGoTool("ggcr-registry");
  server = await startOnReservedPort(async (port) => {
    host = `127.0.0.1:${port}`;
    const started = await startProcess(binary, [host], { name: "ggcr-registry" });
    await started.waitFor("an answer on /v2/", async () => (await fetch(`http://${host}/v2/`)).ok);
    return started;
  });
});

after(() => Promise.all([server?.stop(), data?.remove()]));

test("a module is pushed, found by tag, range and digest, and pulled", async () => {
  const modules = await Promise.all(["1.0.0", "1.2.0"].map((value) => headerFilter({ name: "x-v", value })));
  const [first, second] = [
    valued(await pushModule(`${host}/team/f:1.0.0`, modules[0] ?? new Uint8Array(), { keychain })),
    valued(await pushModule(`${host}/team/f:1.2.0`, modules[1] ?? new Uint8Array(), { keychain })),
  ];
  const registry = createModuleRegistry({ dataDir: data.path });
  const asking = { keychain, namespace };
  const tags = valued(await registry.tags(`${host}/team/f`, asking));
  assert.deepEqual(tags, ["1.0.0", "1.2.0"]);
  const tag = highestTag(tags, { semver: "1.x", prerelease: false });
  assert.equal(valued(await registry.resolve(`${host}/team/f:${tag}`, undefined, asking)), second.digest);
  assert.equal(valued(await registry.resolve(`${host}/team/f`, first.digest, asking)), first.digest);
  const pulled = valued(await registry.pull(`${host}/team/f:1.2.0`, second.digest, asking));
  assert.deepEqual(Buffer.from((await registry.read(pulled.wasmDigest)) ?? []), Buffer.from(modules[1] ?? []));
});

test("an artifact with artifactType, an empty config and a subject is a module like any other, and a referrer of its subject", async () => {
  const module = await headerFilter({ name: "x-v", value: "artifact" });
  const subject = valued(await pushModule(`${host}/team/g:1`, await headerFilter({ name: "x-v", value: "subject" }), { keychain }));
  const opened = valued(openReference(`${host}/team/g:1`, keychain, {}));
  const { bytes, mediaType } = valued(await opened.repository.manifest("1"));
  const content = createContent();
  const config = addBlob(content, "application/vnd.oci.empty.v1+json", Buffer.from("{}"));
  const layer = addBlob(content, "application/wasm", module);
  const manifest = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    artifactType: "application/vnd.example.filter",
    config,
    layers: [layer],
    subject: { mediaType, digest: subject.digest, size: bytes.byteLength },
  };
  await upload(host, "team/g", content);
  const put = { method: "PUT", body: JSON.stringify(manifest), headers: { "content-type": manifest.mediaType } };
  assert.equal((await fetch(`http://${host}/v2/team/g/manifests/art`, put)).status, 201);
  const registry = createModuleRegistry({ dataDir: data.path });
  const digest = valued(await registry.resolve(`${host}/team/g:art`, undefined, { keychain, namespace }));
  const pulled = valued(await registry.pull(`${host}/team/g:art`, digest, { keychain, namespace }));
  assert.equal(pulled.wasmDigest, layer.digest);
  const referrers = valued(await opened.repository.referrers(subject.digest));
  assert.deepEqual(
    referrers?.map((each) => each.digest),
    [digest],
  );
});
