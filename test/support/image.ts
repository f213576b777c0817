import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { runOk } from "../../scripts/tools/run.ts";

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export interface ImageConfig {
  readonly config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Entrypoint: readonly string[];
    readonly WorkingDir: string;
    readonly Labels: Readonly<Record<string, string>>;
  };
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

export interface UnpackedImage {
  readonly root: string;
  readonly config: ImageConfig["config"];
}

const digestOf = async (bytes: Uint8Array): Promise<string> =>
  `sha256:${Buffer.from(await crypto.subtle.digest("SHA-256", new Uint8Array(bytes))).toString("hex")}`;

/** Reads the one image of a layout as a runtime does, with every digest and size checked, and unpacks its layers into `folder`/root. */
export async function unpackImage(layout: string, folder: string): Promise<UnpackedImage> {
  const blob = async ({ digest, size }: Descriptor) => {
    const bytes = await readFile(join(layout, "blobs/sha256", digest.slice("sha256:".length)));
    assert.deepEqual([bytes.length, await digestOf(bytes)], [size, digest]);
    return bytes;
  };
  const json = async (descriptor: Descriptor) => JSON.parse((await blob(descriptor)).toString("utf8"));
  assert.deepEqual(JSON.parse(await readFile(join(layout, "oci-layout"), "utf8")), { imageLayoutVersion: "1.0.0" });
  const index = JSON.parse(await readFile(join(layout, "index.json"), "utf8")) as { manifests: Descriptor[] };
  assert.equal(index.manifests.length, 1);
  const manifest = (await json(index.manifests[0] as Descriptor)) as { config: Descriptor; layers: Descriptor[] };
  const { config, rootfs } = (await json(manifest.config)) as ImageConfig;
  assert.equal(rootfs.diff_ids.length, manifest.layers.length);
  const root = join(folder, "root");
  await mkdir(root, { recursive: true });
  for (const [number, layer] of manifest.layers.entries()) {
    const archive = layer.mediaType.endsWith("+gzip") ? gunzipSync(await blob(layer)) : zstdDecompressSync(await blob(layer));
    assert.equal(await digestOf(archive), rootfs.diff_ids[number]);
    await writeFile(join(folder, "layer.tar"), archive);
    await runOk("tar", ["--extract", "--preserve-permissions", "--file", join(folder, "layer.tar"), "--directory", root]);
  }
  return { root, config };
}

/**
 * A script that runs the image's entrypoint as a container would: in the image as its root, which is read-only, as its user, with its environment and no other,
 * /proc and /dev, and `volume` at its working folder. Needs root.
 */
export async function entrypointOf({ root, config }: UnpackedImage, volume: string, script: string): Promise<string> {
  for (const point of ["proc", "dev"]) await mkdir(join(root, point), { recursive: true });
  const inside = `env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin ${config.Env.join(" ")} chroot --userspec=${config.User} --groups= ${root} ${config.Entrypoint.join(" ")}`;
  const mounts = [
    `mount --bind ${root} ${root}`,
    `mount --bind ${volume} ${root}${config.WorkingDir}`,
    `mount -o remount,bind,ro ${root}`,
    ...["proc", "dev"].map((name) => `mount --rbind /${name} ${root}/${name}`),
  ];
  await writeFile(
    script,
    `#!/bin/sh\nexec unshare --mount --propagation private sh -ec '${mounts.join("\n")}\nexec ${inside} "$@"' sh "$@"\n`,
    {
      mode: 0o755,
    },
  );
  return script;
}
