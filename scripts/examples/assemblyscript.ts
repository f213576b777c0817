import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cached, keyOf } from "../../base/cache-folder.ts";
import { packSdk, SDK } from "../build/npm-package.ts";
import { needNpm } from "../tools/machine.ts";
import { type Finished, outsideNpm, run, runOk } from "../tools/run.ts";
import { contentsOf } from "./sources.ts";

const NAME = "@weir-dev/assemblyscript";
const MANY = fileURLToPath(new URL("assemblyscript-many.ts", import.meta.url));

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
    await Promise.all(names.map((name) => writeFile(join(draft, `${name}.ts`), sources[name])));
    const { compiler, config } = await prepare();
    await runOk(process.execPath, [MANY, compiler, names.join(), ...config, ...flags], { cwd: draft });
  });
  return Object.fromEntries(names.map((name) => [name, join(folder, `${name}.wasm`)])) as Record<N, string>;
}

/** Writes `NAME.ts` into `folder` and compiles it there to `NAME.wasm`. What is wrong with it the compiler says on stderr. */
export async function compileWithSdk(folder: string, name: string, source: string): Promise<Finished> {
  await writeFile(join(folder, `${name}.ts`), source);
  const { compiler, config } = await prepare();
  return run(process.execPath, [MANY, compiler, name, ...config], { cwd: folder });
}

interface Prepared {
  /** The compiler's own entry. */
  readonly compiler: string;
  /** Flags that name the package and its settings. The compiler colours its words wherever `CI` is set. */
  readonly config: readonly string[];
}

async function prepare(): Promise<Prepared> {
  const modules = await sdkModules();
  return {
    compiler: join(modules, "assemblyscript/dist/asc.js"),
    config: ["--config", join(modules, NAME, "asconfig.json"), "--path", modules, "--target", "none", "--noColors"],
  };
}

/** A `node_modules` with the compiler of the package's lockfile and the package as it is packed for authors. */
export async function sdkModules(): Promise<string> {
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
  return join(project, "node_modules");
}
