import { rm } from "node:fs/promises";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { type Digest, digestOf } from "../../model/digest.ts";
import { createLayoutRepository, manifestTypes } from "../../oci/index.ts";
import { ToolError } from "../tools/run.ts";

import { type Entry, tarOf, USER } from "./tree.ts";

/** What an image is made of. */
export interface Image {
  /** The tag, and the version in its labels. */
  readonly version: string;
  readonly title: string;
  readonly description: string;
  /** What changes least comes first: layers that are the same are stored and pulled once. */
  readonly layers: readonly { readonly name: string; readonly entries: readonly Entry[] }[];
  readonly entrypoint: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
}

export type Compression = "zstd" | "gzip";

export interface WrittenLayer {
  readonly name: string;
  /** Bytes of the tar archive. */
  readonly size: number;
  readonly compressed: number;
}

export interface WrittenImage {
  readonly digest: Digest;
  readonly layers: readonly WrittenLayer[];
}

/** Beyond 12 zstd takes ten times as long for a hundredth of the size. */
const ZSTD_LEVEL = 12;
const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", arm64: "arm64" };

/**
 * Writes the image as the only one of an OCI image layout in `folder`, tagged with its version. Same image, same digest: nothing in it is of the time or the machine.
 * https://github.com/opencontainers/image-spec/blob/main/config.md
 */
export async function writeImage(image: Image, folder: string, compression: Compression, zstdLevel = ZSTD_LEVEL): Promise<WrittenImage> {
  await rm(folder, { recursive: true, force: true });
  const layout = createLayoutRepository(folder, folder);
  const put = async (bytes: Uint8Array<ArrayBuffer>, mediaType: string) => {
    const digest = digestOf(bytes);
    const written = await layout.putBlob(bytes, digest);
    if (!written.ok) throw new ToolError(written.error.message);
    return { mediaType, digest, size: bytes.byteLength };
  };
  const layers: WrittenLayer[] = [];
  const descriptors: Awaited<ReturnType<typeof put>>[] = [];
  const diffIds: Digest[] = [];
  for (const { name, entries } of image.layers) {
    const archive = await tarOf(entries);
    const descriptor = await put(compress(archive, compression, zstdLevel), `application/vnd.oci.image.layer.v1.tar+${compression}`);
    diffIds.push(digestOf(archive));
    descriptors.push(descriptor);
    layers.push({ name, size: archive.length, compressed: descriptor.size });
  }
  const config = await put(json(configOf(image, diffIds)), CONFIG_TYPE);
  const manifest = json({ schemaVersion: 2, mediaType: manifestTypes.ociManifest, config, layers: descriptors });
  const written = await layout.putManifest(manifest, manifestTypes.ociManifest, image.version);
  if (!written.ok) throw new ToolError(written.error.message);
  return { digest: digestOf(manifest), layers };
}

function configOf({ version, title, description, layers, entrypoint, env, workingDir }: Image, diffIds: readonly Digest[]): object {
  const architecture = ARCHITECTURES[process.arch];
  if (architecture === undefined) throw new ToolError(`no image for ${process.arch}; make it on x86-64 or arm64`);
  return {
    created: TIME,
    architecture,
    os: "linux",
    config: {
      User: `${USER}:${USER}`,
      Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      Entrypoint: entrypoint,
      WorkingDir: workingDir,
      Labels: {
        "org.opencontainers.image.title": title,
        "org.opencontainers.image.description": description,
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "Apache-2.0",
      },
    },
    rootfs: { type: "layers", diff_ids: diffIds },
    history: layers.map(({ name }) => ({ created: TIME, created_by: "scripts/image.ts", comment: name })),
  };
}

/** As every file in it. */
const TIME = new Date(0).toISOString();

function compress(archive: Buffer, compression: Compression, zstdLevel: number): Uint8Array<ArrayBuffer> {
  if (compression === "gzip") return new Uint8Array(gzipSync(archive, { level: constants.Z_BEST_COMPRESSION }));
  return new Uint8Array(zstdCompressSync(archive, { params: { [constants.ZSTD_c_compressionLevel]: zstdLevel } }));
}

function json(document: object): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(document));
}
