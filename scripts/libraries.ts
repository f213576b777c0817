import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { LIST, type Library } from "../author/init/libraries.ts";
import { packNpm, SDK } from "./build/npm-package.ts";
import { buildTesting } from "./build/testing-package.ts";

/** Packs the npm packages that projects in AssemblyScript bring along into `folder`, with a list of them. */
export async function packLibraries(folder: string): Promise<void> {
  const libraries: Library[] = [];
  const testing = await mkdtemp(join(tmpdir(), "weir-testing-"));
  try {
    await buildTesting(testing);
    for (const source of [SDK, testing]) {
      const { name, version, license, engines, peerDependencies } = JSON.parse(await readFile(join(source, "package.json"), "utf8"));
      const { path, integrity } = await packNpm(source, folder);
      libraries.push({ name, version, license, engines, peerDependencies, file: basename(path), integrity });
    }
  } finally {
    await rm(testing, { recursive: true, force: true });
  }
  await writeFile(join(folder, LIST), `${JSON.stringify(libraries, null, 2)}\n`);
}

if (import.meta.main) await packLibraries(process.argv[2] ?? "");
