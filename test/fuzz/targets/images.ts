import assert from "node:assert/strict";
import { digestOf } from "../../../model/digest.ts";
import { extractModule } from "../../../oci/image/extract.ts";
import { candidates, selectEntries, selectLayer } from "../../../oci/image/select.ts";
import { MemorySink } from "../../../oci/image/sink.ts";
import { MAX_MANIFEST_BYTES, parseManifest } from "../../../oci/repository/manifest.ts";
import { formatReference, parseReference } from "../../../oci/repository/reference.ts";
import { createContent, wasm } from "../../../oci/testing/images.ts";
import { layouts } from "../../../oci/testing/layouts.ts";
import { type Input, stateOf, type Target } from "../target.ts";

const LIMITS = { moduleBytes: 64 * 1024, inflatedBytes: 256 * 1024 };

/**
 * What a registry sends: manifests and indexes (what starts with a brace), layers (tar, gzip, zstd), and the references that name them (what starts with `@`).
 * Nothing throws; a module is never larger than its bound; a reference that is read is written and read again the same.
 */
export const images: Target = {
  name: "images",
  code: ["oci/image/", "oci/repository/"],
  words: [
    ...[
      "schemaVersion",
      "layers",
      "manifests",
      "mediaType",
      "digest",
      "size",
      "config",
      "annotations",
      "platform",
      `"sha256:${"a".repeat(64)}"`,
    ],
    ...["plugin.wasm", "ustar\u000000", "../", "/", "0000644\0", "application/wasm", "PaxHeader", "\u001f\u008b", "path=", "GNU.sparse"],
  ],
  maxBytes: 128 * 1024,
  maxMs: 1_000,
  seeds,
  async run([bytes = new Uint8Array()]): Promise<string> {
    if (bytes[0] === 0x40) return reference(Buffer.from(bytes.subarray(1)).toString());
    if (bytes[0] === 0x7b) return manifest(bytes);
    const sink = new MemorySink();
    const found = await extractModule(pieces(bytes), sink, { ...LIMITS, where: "the layer" });
    assert(sink.bytes.length <= LIMITS.moduleBytes, `a module of ${sink.bytes.length} bytes`);
    if (!found.ok) return found.error.reason;
    assert.deepEqual(found.value, { size: sink.bytes.length, wasmDigest: digestOf(sink.bytes) });
    return "a module";
  },
};

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 4096) yield bytes.subarray(at, at + 4096);
}

function manifest(bytes: Uint8Array): string {
  const raw = {
    bytes: new Uint8Array(bytes),
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: digestOf(new Uint8Array(bytes)),
  };
  assert(bytes.length <= MAX_MANIFEST_BYTES);
  const parsed = parseManifest(raw, "the image");
  if (!parsed.ok) return stateOf(parsed.error.message);
  if (parsed.value.kind === "index") {
    const entries = candidates(parsed.value);
    return `index of ${Math.min(entries.length, 4)}`;
  }
  const chosen = selectLayer(parsed.value, "the image");
  const descriptor = { mediaType: raw.mediaType, digest: raw.digest, size: bytes.length, annotations: {} };
  const entry = selectEntries({ entries: [{ descriptor, manifest: parsed.value }], foreign: 0 }, "the image");
  assert.equal(entry.ok, chosen.ok, "an index of one image is judged as the image");
  return chosen.ok ? chosen.value.form : stateOf(chosen.error.message);
}

function reference(text: string): string {
  const read = parseReference(text);
  if (!read.ok) return stateOf(read.error.message);
  assert.deepEqual(parseReference(formatReference(read.value)), read, "a reference is written and read again the same");
  return Object.keys(read.value).join(" ");
}

async function seeds(): Promise<readonly Input[]> {
  const content = createContent();
  for (const build of Object.values(layouts)) await build(content, wasm("fuzz", 300));
  const documents = [...content.manifests.values()].map(({ bytes }): Input => [bytes]);
  const index = {
    schemaVersion: 2,
    manifests: [{ mediaType: "a", digest: `sha256:${"a".repeat(64)}`, size: 1, platform: { os: "wasi" } }],
  };
  const names = [
    "registry.example:5000/a/b:1",
    "a",
    `[::1]:5000/a@sha256:${"b".repeat(64)}`,
    "oci-layout:./x:v1",
    "docker.io/library/a:latest",
  ];
  return [
    ...documents,
    [Buffer.from(JSON.stringify(index))],
    ...[...content.blobs.values()].map((bytes): Input => [bytes]),
    ...names.map((name): Input => [Buffer.from(`@${name}`)]),
  ];
}
