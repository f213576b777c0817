import { readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { LIST, type Library } from "../author/init/libraries.ts";
import { packNpm, SDK } from "./build/npm-package.ts";

/** Packs the npm packages that projects in AssemblyScript bring along into `folder`, with a list of them. */
export async function packLibraries(folder: string): Promise<void> {
  const libraries: Library[] = [];
  for (const source of [SDK]) {
    const { name, version, license, engines, peerDependencies } = JSON.parse(await readFile(join(source, "package.json"), "utf8"));
    const { path, integrity } = await packNpm(source, folder);
    libraries.push({ name, version, license, engines, peerDependencies, file: basename(path), integrity });
  }
  await writeFile(join(folder, LIST), `${JSON.stringify(libraries, null, 2)}\n`);
}

if (import.meta.main) await packLibraries(process.argv[2] ?? "");
