import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";

/** The folder of a package in the `node_modules` of a folder or of one above it, as Node looks for it. */
export async function findPackage(name: string, folder: string): Promise<string | undefined> {
  const path = join(folder, "node_modules", name);
  const manifest = await stat(join(path, "package.json")).catch(() => undefined);
  if (manifest?.isFile() === true) return path;
  const above = dirname(folder);
  return above === folder ? undefined : findPackage(name, above);
}
