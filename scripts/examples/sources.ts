import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const FILTERS = fileURLToPath(new URL("../../examples/filters/", import.meta.url));

/** The folder of an example filter. */
export function sourceOf(name: string): string {
  return join(FILTERS, name);
}

/** Name and text of every source file of a folder, in order: what it is built from, for the key of the cache. */
export async function contentsOf(folder: string): Promise<string[]> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const paths = files
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(isSource)
    .sort();
  return (await Promise.all(paths.map(async (path) => [relative(folder, path), await readFile(path, "utf8")]))).flat();
}

/** Not what a build by hand leaves in the folder. */
export function isSource(path: string): boolean {
  return !/\/(node_modules|build|target|\.zig-cache|zig-out)(\/|$)|\.wasm$/.test(relative(FILTERS, path));
}
