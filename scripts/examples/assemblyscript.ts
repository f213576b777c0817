import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached, keyOf } from "../../base/cache-folder.ts";
import { packSdk, SDK } from "../build/npm-package.ts";
import { needNpm } from "../tools/machine.ts";
import { type Finished, outsideNpm, run, runOk } from "../tools/run.ts";
import { contentsOf } from "./sources.ts";

const NAME = "@weir-dev/assemblyscript";

/**
 * Builds filters with the AssemblyScript package as their authors do, `sources` by name, and gives the paths of the modules by name. What is in the user's cache
 * is not built again: the key is the package, the compiler and the sources.
 */
export async function buildWithSdk<N extends string>(
  sources: Readonly<Record<N, string>>,
  flags: readonly string[] = [],
): Promise<Readonly<Record<N, string>>> {
  const names = Object.keys(sources).sort() as N[];
  const texts = names.flatMap((name) => [name, sources[name]]);
  const folder = await cached(`sdk-as-${keyOf(...(await contentsOf(SDK)), ...texts, ...flags)}`, async (draft) => {
    for (const name of names) {
      const built = await compileWithSdk(draft, name, sources[name], flags);
      if (built.code !== 0) throw new Error(`${name}.ts does not compile:\n${built.stderr}`);
    }
  });
  return Object.fromEntries(names.map((name) => [name, join(folder, `${name}.wasm`)])) as Record<N, string>;
}

/** Writes `NAME.ts` into `folder` and compiles it there to `NAME.wasm`. What is wrong with it the compiler says on stderr. */
export async function compileWithSdk(folder: string, name: string, source: string, flags: readonly string[] = []): Promise<Finished> {
  const { compiler, project } = await prepare();
  await writeFile(join(folder, `${name}.ts`), source);
  const config = join(project, "node_modules", NAME, "asconfig.json");
  const args = ["--config", config, "--path", join(project, "node_modules"), "--target", "none", ...flags];
  return run(process.execPath, [compiler, `${name}.ts`, ...args, "-o", `${name}.wasm`], { cwd: folder });
}

/** A project with the compiler of the package's lockfile and the package as it is packed for authors. */
async function prepare(): Promise<{ readonly compiler: string; readonly project: string }> {
  const project = await cached(`sdk-as-project-${keyOf(...(await contentsOf(SDK)))}`, async (draft) => {
    await needNpm();
    for (const file of ["package.json", "package-lock.json"]) await cp(join(SDK, file), join(draft, file));
    await runOk("npm", ["ci", "--no-audit", "--no-fund"], { cwd: draft, env: outsideNpm() });
    const inside = join(draft, "node_modules", NAME);
    await mkdir(inside, { recursive: true });
    const tarball = await packSdk(draft);
    await runOk("tar", ["-xzf", tarball, "--strip-components=1", "-C", inside]);
    await rm(tarball);
  });
  return { compiler: join(project, "node_modules/assemblyscript/bin/asc.js"), project };
}
