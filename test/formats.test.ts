import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { stringify } from "yaml";
import { type Digest, digestOf } from "../model/digest.ts";
import { addBlob, addIndex, addManifest, createContent, type TestDescriptor } from "../oci/testing/images.ts";
import { layouts } from "../oci/testing/layouts.ts";
import { upload } from "../oci/testing/upload.ts";
import { startEchoApp } from "./support/echo-app.ts";
import { type Envoy, startEnvoy } from "./support/envoy.ts";
import { eventually } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { get } from "./support/traffic.ts";
import { headerFilter } from "./support/wat.ts";
import { condition, startWeir, type Weir, weir } from "./support/weir.ts";

/** How a WasmFilter may name an image. Each way gets a module of its own, so that what arrives shows which image was taken. */
const ways = ["a tag", "the tag of an index", "a pinned index digest", "a pinned manifest digest", "a digest in the reference"] as const;
type Way = (typeof ways)[number];

interface Packed {
  readonly module: Uint8Array;
  readonly index: Digest;
  readonly manifest: Digest;
}

interface World {
  readonly filters: string;
  readonly registry: Registry;
  readonly server: Weir;
  readonly envoy: Envoy;
  readonly port: number;
  /** By layout and way. */
  readonly images: ReadonlyMap<string, ReadonlyMap<Way, Packed>>;
}

let world: World;
const open: (() => Promise<unknown>)[] = [];

before(async () => {
  const { path: folder, remove } = await createTempFolder("formats");
  open.push(remove);
  const filters = join(folder, "filters");
  await mkdir(filters);
  const registry = await startRegistry();
  open.push(registry.stop);
  const images = new Map<string, ReadonlyMap<Way, Packed>>();
  for (const [i, layout] of Object.keys(layouts).entries()) images.set(layout, await pack(registry, layout, i));
  const server = await startWeir({ source: ["--filters", filters], data: join(folder, "data") });
  open.push(server.stop);
  const app = await startEchoApp();
  open.push(app.stop);
  const where = ["--xds", `127.0.0.1:${server.xdsPort}`, "--listen", "127.0.0.1:0", "--upstream", `127.0.0.1:${app.port}`];
  const envoy = await startEnvoy({ config: await weir(["bootstrap", "--node", "web-1", ...where]), log: "warning" });
  open.push(envoy.stop);
  const port = await envoy.port();
  world = { filters, registry, server, envoy, port, images };
});

after(async () => {
  for (const close of open.reverse()) await close();
});

const headerOf = (i: number) => `x-format-${i}`;
const repositoryOf = (i: number) => `filters/format-${i}`;

/** An image of this layout for each way, in a repository of its own, each beside others in an index. */
async function pack(registry: Registry, layout: string, i: number): Promise<ReadonlyMap<Way, Packed>> {
  const packed = new Map<Way, Packed>();
  for (const way of ways) {
    const module = await headerFilter({ name: headerOf(i), value: way });
    const content = createContent();
    const image = await layouts[layout]?.(content, module);
    assert.ok(image);
    // Only the way that is about a tag may find its image by it.
    if (way !== "a tag") content.tags.clear();
    const index = addIndex(content, besides(content, image), way === "the tag of an index" ? "multi" : undefined);
    await upload(registry.host, repositoryOf(i), content);
    packed.set(way, { module, index: index.digest, manifest: image.digest });
  }
  return packed;
}

/** As buildx writes an index: the image with its platform, an image of another platform without a module, and an attestation. */
function besides(content: ReturnType<typeof createContent>, image: TestDescriptor): TestDescriptor[] {
  const text = addBlob(content, "text/plain", Buffer.from("no module"));
  const other = addManifest(content, "application/vnd.oci.image.config.v1+json", [text]);
  const attestation = addManifest(content, "application/vnd.in-toto+json", [addBlob(content, "application/wasm", Buffer.from("attested"))]);
  return [
    { ...attestation, annotations: { "vnd.docker.reference.type": "attestation-manifest" } },
    { ...other, platform: { architecture: "amd64", os: "linux" } },
    { ...image, platform: { architecture: "wasm", os: "wasip1" } },
  ];
}

function specOf(way: Way, i: number, { index, manifest }: Packed): object {
  const repository = `${world.registry.host}/${repositoryOf(i)}`;
  switch (way) {
    case "a tag":
      return { image: `${repository}:v1` };
    case "the tag of an index":
      return { image: `${repository}:multi` };
    case "a pinned index digest":
      return { image: `${repository}:v1`, digest: index };
    case "a pinned manifest digest":
      return { image: `${repository}:v1`, digest: manifest };
    case "a digest in the reference":
      return { image: `${repository}@${manifest}` };
  }
}

const write = (name: string, spec: object) =>
  writeFile(
    join(world.filters, `${name}.yaml`),
    stringify({ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name }, spec }),
  );

for (const way of ways) {
  test(`a module in every layout, named by ${way}, becomes a header of the proxy's answers`, { timeout: 120_000 }, async (t) => {
    for (const [i, images] of [...world.images.values()].entries()) await write(`format-${i}`, specOf(way, i, imageOf(images, way)));
    for (const [i, [layout, images]] of [...world.images].entries()) {
      const { module, index, manifest } = imageOf(images, way);
      const ready = await world.server.until(
        `${layout} by ${way}`,
        `format-${i}`,
        ({ metadata, status }) => status?.observedGeneration === metadata.generation && status?.wasmDigest === digestOf(module),
      );
      assert.equal(ready.status?.digest, manifest, `${layout}: status.digest is the manifest's`);
      assert.equal(new Set([index, manifest, ready.status?.wasmDigest]).size, 3);
      await world.server.until(`${layout} Ready`, `format-${i}`, (filter) => condition(filter, "Ready") === "True Ready");
      await eventually(`${layout} by ${way}`, async () => (await get(world.port)).headers[headerOf(i)] === way);
      t.diagnostic(`${layout}: ${headerOf(i)}: ${way}, ${manifest}`);
    }
  });
}

function imageOf(images: ReadonlyMap<Way, Packed>, way: Way): Packed {
  const image = images.get(way);
  assert.ok(image);
  return image;
}

test("weir inspect tells index, manifest, layer and module apart", async () => {
  const [layout, images] = [...world.images][0] ?? assert.fail();
  const { index, manifest, module } = imageOf(images, "the tag of an index");
  const shown = JSON.parse(await weir(["inspect", `${world.registry.host}/${repositoryOf(0)}:multi`, "-o", "json"])) as {
    image: { indexDigest: Digest; manifest: { digest: Digest }; layer: { digest: Digest; mediaType: string } };
    wasmDigest: Digest;
  };
  assert.match(layout, /^Docker/);
  assert.deepEqual([shown.image.indexDigest, shown.image.manifest.digest, shown.wasmDigest], [index, manifest, digestOf(module)]);
  assert.equal(shown.image.layer.mediaType, "application/vnd.docker.image.rootfs.diff.tar.gzip");
  assert.notEqual(shown.image.layer.digest, shown.wasmDigest);
});

test("a module at a plain URL, named with its sha256, becomes a header too", { timeout: 60_000 }, async () => {
  const module = await headerFilter({ name: "x-url", value: "downloaded" });
  const files = createServer((_, response) => response.end(module));
  await new Promise<void>((resolve) => files.listen(0, "127.0.0.1", resolve));
  open.push(async () => files.close());
  const { port } = files.address() as AddressInfo;
  await write("url", { url: `http://127.0.0.1:${port}/add-header.wasm`, sha256: digestOf(module) });
  const { status } = await world.server.until("Ready", "url", (filter) => condition(filter, "Ready") === "True Ready");
  assert.equal(status?.wasmDigest, digestOf(module));
  await eventually("the header", async () => (await get(world.port)).headers["x-url"] === "downloaded");
});

test("all of them were changed in one proxy, which refused nothing", async (t) => {
  const stats = await world.envoy.get("/stats?filter=extension_config_discovery.*config_(reload|fail|conflict)");
  for (const line of stats.trim().split("\n")) t.diagnostic(line);
  assert.match(stats, /config_reload: [1-9]/);
  assert.match(stats, /config_fail: 0/);
});
