import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { buffer } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";

/** The folder of the AssemblyScript package. */
export const SDK = fileURLToPath(new URL("../../sdk/assemblyscript", import.meta.url));

/** npm's own date of files in a tarball, which some file systems need to be after 1980. */
const DATE = new Date("1985-10-26T08:15:00Z");
/** Byte 9 of a gzip names the operating system that made it. 255: none. https://www.rfc-editor.org/rfc/rfc1952#section-2.3.1 */
const GZIP_OS = 9;

interface Manifest {
  readonly name: string;
  readonly version: string;
  /** Files and folders, without patterns. */
  readonly files: readonly string[];
}

export interface NpmPackage {
  /** The path of the tarball, named as npm names it: `scope-name-1.2.3.tgz`. */
  readonly path: string;
  /** As a lockfile has it: `sha512-...`. */
  readonly integrity: string;
}

/** Packs the AssemblyScript package into `folder`, which is made when it is not there, and gives the tarball's path. */
export async function packSdk(folder: string): Promise<string> {
  return (await packNpm(SDK, folder)).path;
}

/**
 * What `npm pack` makes of the package in `source`, without npm, and always the same bytes for the same files: no time, no user, no order of a folder
 * goes in. It holds what `files` of its package.json names, with package.json, README.md and LICENSE.
 */
export async function packNpm(source: string, folder: string): Promise<NpmPackage> {
  const { name, version, files } = JSON.parse(await readFile(join(source, "package.json"), "utf8")) as Manifest;
  const tarball = pack();
  for (const path of await filesOf(source, ["package.json", "README.md", "LICENSE", ...files])) {
    tarball.entry({ name: `package/${path}`, mode: 0o644, mtime: DATE }, await readFile(join(source, path)));
  }
  tarball.finalize();
  const bytes = gzipSync(await buffer(tarball), { level: 9 });
  bytes[GZIP_OS] = 255;
  const path = join(folder, `${name.replace(/^@/, "").replace("/", "-")}-${version}.tgz`);
  await mkdir(folder, { recursive: true });
  await writeFile(path, bytes);
  return { path, integrity: `sha512-${createHash("sha512").update(bytes).digest("base64")}` };
}

/** All files below these places, each once, in order. Throws for a place that is not there. */
async function filesOf(source: string, places: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    places.map(async (place) => {
      if ((await stat(join(source, place))).isFile()) return [place];
      const below = await readdir(join(source, place), { recursive: true, withFileTypes: true });
      return below.filter((entry) => entry.isFile()).map(({ parentPath, name }) => relative(source, join(parentPath, name)));
    }),
  );
  return [...new Set(found.flat())].sort();
}
