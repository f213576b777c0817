import { gzipSync, zstdCompressSync } from "node:zlib";
import { pack } from "tar-stream";
import { type BlobDigest, createDigester, type Digest, digestOf } from "../../model/digest.ts";
import { manifestTypes } from "../repository/manifest.ts";

/** Images built in memory for tests: what a registry or a layout folder would hold. */
export interface Content {
  readonly blobs: Map<BlobDigest, Uint8Array<ArrayBuffer>>;
  readonly manifests: Map<Digest, { readonly bytes: Uint8Array<ArrayBuffer>; readonly mediaType: string }>;
  readonly tags: Map<string, Digest>;
}

export interface TestDescriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly annotations?: Record<string, string>;
  readonly platform?: { architecture: string; os: string };
}

export function createContent(): Content {
  return { blobs: new Map(), manifests: new Map(), tags: new Map() };
}

/** The smallest module (magic and version) with a custom section that makes it unlike others. */
export function wasm(name: string, padding = 0): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(name);
  const length = 1 + text.length + padding;
  const size = [(length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, ((length >> 14) & 0x7f) | 0x80, (length >> 21) & 0x7f];
  const bytes = new Uint8Array(8 + 1 + 4 + length);
  bytes.set([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, ...size, text.length, ...text]);
  return bytes;
}

export function addBlob(content: Content, mediaType: string, bytes: Uint8Array): TestDescriptor {
  const own = new Uint8Array(bytes);
  const digest = digestOf(own);
  content.blobs.set(digest, own);
  return { mediaType, digest, size: own.byteLength };
}

/** The same, named by sha512. */
export function addBlob512(content: Content, mediaType: string, bytes: Uint8Array) {
  const digester = createDigester(`sha512:${"0".repeat(128)}`);
  digester.update(bytes);
  const digest = digester.digest();
  content.blobs.set(digest, new Uint8Array(bytes));
  return { mediaType, digest, size: bytes.byteLength };
}

export function addDocument(content: Content, mediaType: string, document: object, tag?: string): TestDescriptor {
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  const digest = digestOf(bytes);
  content.manifests.set(digest, { bytes, mediaType });
  if (tag !== undefined) content.tags.set(tag, digest);
  return { mediaType, digest, size: bytes.byteLength };
}

export function addManifest(content: Content, configType: string, layers: readonly TestDescriptor[], tag?: string): TestDescriptor {
  const docker = configType.startsWith("application/vnd.docker");
  const mediaType = docker ? manifestTypes.dockerManifest : manifestTypes.ociManifest;
  const config = addBlob(content, configType, new TextEncoder().encode(JSON.stringify({ layers: layers.length, tag })));
  return addDocument(content, mediaType, { schemaVersion: 2, mediaType, config, layers }, tag);
}

export function addIndex(content: Content, manifests: readonly TestDescriptor[], tag?: string): TestDescriptor {
  return addDocument(content, manifestTypes.ociIndex, { schemaVersion: 2, mediaType: manifestTypes.ociIndex, manifests }, tag);
}

/** A Wasm artifact of one layer. */
export function addArtifact(content: Content, module: Uint8Array, tag?: string): TestDescriptor {
  return addManifest(content, "application/vnd.wasm.config.v0+json", [addBlob(content, "application/wasm", module)], tag);
}

export type TarEntry = { readonly name: string; readonly type?: "file" | "symlink" | "link" | "directory"; readonly bytes?: Uint8Array };

export async function tar(entries: readonly TarEntry[]): Promise<Uint8Array<ArrayBuffer>> {
  const archive = pack();
  for (const { name, type = "file", bytes } of entries) {
    archive.entry({ name, type, linkname: "target" }, bytes ?? "");
  }
  archive.finalize();
  const parts: Uint8Array[] = [];
  for await (const part of archive as AsyncIterable<Uint8Array>) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}

export const compress = {
  plain: (bytes: Uint8Array) => bytes,
  gzip: (bytes: Uint8Array): Uint8Array => gzipSync(bytes),
  zstd: (bytes: Uint8Array): Uint8Array => zstdCompressSync(bytes),
};
