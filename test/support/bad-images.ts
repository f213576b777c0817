import type { ServerResponse } from "node:http";
import type { Digest } from "../../model/digest.ts";
import type { FakeRegistry } from "../../oci/testing/fake-registry.ts";
import { addArtifact, addBlob, addDocument, addManifest, compress, type TarEntry, tar } from "../../oci/testing/images.ts";
import { badModules, headerFilter } from "./wat.ts";

/** Digests that the messages about the bad images must name. `pinned` is a manifest's, the others are layers'. */
export interface BadImages {
  /** The registry sends other bytes for it. */
  readonly swapped: Digest;
  /** The registry sends another manifest for it. */
  readonly pinned: Digest;
  /** The registry breaks off in the middle of it. */
  readonly cut: Digest;
  /** Inflates beyond every limit. */
  readonly bomb: Digest;
  /** An archive without a module. */
  readonly noWasm: Digest;
  readonly notTar: Digest;
}

type Content = FakeRegistry["content"];
/** End of a request's path -> the false answer to it. */
type Lies = Map<string, (response: ServerResponse) => void>;

export const SHA256_OF_NOTHING: Digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const COMPONENT = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00);
const MIB = 1 << 20;

/** Puts every bad image into the repository `filters/bad`, under a tag each, and a good one as `good`. Tells the registry where to lie. */
export async function addBadImages(fake: FakeRegistry): Promise<BadImages> {
  const module = await headerFilter({ name: "x-bad", value: "must never be seen" });
  const lies: Lies = new Map([["/module.wasm", (response) => response.end(module)]]);
  fake.intercept = (request, response) => {
    const path = request.url?.split("?")[0];
    const lie = [...lies].find(([part]) => path?.endsWith(part))?.[1];
    lie?.(response);
    return lie !== undefined;
  };
  addManifests(fake.content);
  await addModules(fake.content, module);
  return { ...(await addLies(fake.content, lies)), ...(await addArchives(fake.content, module)) };
}

/** Good images that the registry answers with something else. */
async function addLies(content: Content, lies: Lies): Promise<Pick<BadImages, "swapped" | "pinned" | "cut">> {
  const artifact = async (name: string) => addArtifact(content, await headerFilter({ name: "x-bad", value: name }), name);
  await artifact("swapped");
  const swapped = layerOf(content, "swapped");
  lies.set(swapped, (response) => response.end(new Uint8Array(content.blobs.get(swapped)?.byteLength ?? 0)));
  const { digest: pinned } = await artifact("pinned");
  lies.set(pinned, (response) => response.end(content.manifests.get(content.tags.get("swapped") ?? pinned)?.bytes));
  await artifact("cut");
  const cut = layerOf(content, "cut");
  lies.set(cut, (response) => {
    const bytes = content.blobs.get(cut) ?? new Uint8Array();
    response.writeHead(200, { "content-length": bytes.byteLength });
    response.write(bytes.subarray(0, 100), () => response.destroy());
  });
  return { swapped, pinned, cut };
}

async function addArchives(content: Content, module: Uint8Array): Promise<Pick<BadImages, "bomb" | "noWasm" | "notTar">> {
  const archive = async (tag: string, entries: readonly TarEntry[]) => {
    const layer = addBlob(content, "application/vnd.oci.image.layer.v1.tar+gzip", compress.gzip(await tar(entries)));
    addManifest(content, "application/vnd.oci.image.config.v1+json", [layer], tag);
    return layer.digest;
  };
  const bomb = await archive("bomb", [
    { name: "plugin.wasm", bytes: module },
    { name: "zeros", bytes: new Uint8Array(129 * MIB) },
  ]);
  await archive("huge-in-tar", [{ name: "plugin.wasm", bytes: new Uint8Array(65 * MIB) }]);
  const noWasm = await archive("no-wasm", [{ name: "README.md", bytes: Buffer.from("hello") }]);
  await archive("two-wasm", [
    { name: "a.wasm", bytes: module },
    { name: "b.wasm", bytes: module },
  ]);
  await archive("dot-dot", [{ name: "../../etc/plugin.wasm", bytes: module }]);
  await archive("absolute", [{ name: "/etc/plugin.wasm", bytes: module }]);
  await archive("link", [{ name: "plugin.wasm", type: "symlink" }]);
  const notTar = addBlob(content, "application/vnd.oci.image.layer.v1.tar", Buffer.from("no archive at all ".repeat(100)));
  addManifest(content, "application/vnd.oci.image.config.v1+json", [notTar], "not-tar");
  return { bomb, noWasm, notTar: notTar.digest };
}

function addManifests(content: Content): void {
  const layer = (size: number) => ({ mediaType: "application/wasm", digest: SHA256_OF_NOTHING, size });
  addManifest(content, "application/vnd.wasm.config.v0+json", [layer(65 * MIB)], "huge");
  addManifest(content, "application/vnd.wasm.config.v0+json", [layer(10)], "no-blob");
  addManifest(content, "application/vnd.oci.image.config.v1+json", [addBlob(content, "application/json", Buffer.from("{}"))], "no-layer");
  addDocument(content, "application/vnd.oci.image.manifest.v1+json", { schemaVersion: 2, layers: "none" }, "odd-manifest");
}

async function addModules(content: Content, module: Uint8Array): Promise<void> {
  addArtifact(content, await badModules.junk(), "junk");
  addArtifact(content, COMPONENT, "component");
  addArtifact(content, module.subarray(0, module.byteLength - 20), "cut-before-push");
  addArtifact(content, await badModules.missingImport(), "missing-import");
  addArtifact(content, await badModules.notProxyWasm(), "no-abi");
  addArtifact(content, await badModules.refusesConfiguration(), "refuses-config");
  addArtifact(content, module, "good");
}

/** The digest of the one layer of a tagged image. */
function layerOf({ manifests, tags }: Content, tag: string): Digest {
  const manifest = manifests.get(tags.get(tag) ?? SHA256_OF_NOTHING);
  const { layers } = JSON.parse(Buffer.from(manifest?.bytes ?? []).toString()) as { layers: { digest: Digest }[] };
  return layers[0]?.digest ?? SHA256_OF_NOTHING;
}
