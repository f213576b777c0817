import { symlink } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { initProject, type Language, type Shape } from "../../author/index.ts";
import { cacheFolder } from "../../base/cache-folder.ts";
import { sdkModules } from "../../scripts/examples/assemblyscript.ts";
import { needRust } from "../../scripts/tools/machine.ts";
import { outsideNpm } from "../../scripts/tools/run.ts";
import { installZig } from "../../scripts/tools/zig.ts";

/** The main source of each language's templates. */
const MAIN: Readonly<Record<Language, string>> = {
  assemblyscript: "assembly/filter.ts",
  rust: "src/lib.rs",
  go: "main.go",
  c: "src/filter.c",
  cpp: "src/filter.cc",
  zig: "src/filter.zig",
};

/** Why no Rust can be built here; `undefined`: it can. */
export async function whyNoRust(): Promise<string | undefined> {
  return needRust().then(
    () => undefined,
    (error: Error) => error.message,
  );
}

/** An environment in which the compilers of all languages are found; what Zig builds of its libraries is kept. */
export async function toolchainEnv(): Promise<Record<string, string>> {
  const env = outsideNpm();
  const zig = dirname(await installZig());
  return { ...env, PATH: `${zig}${delimiter}${env.PATH}`, ZIG_GLOBAL_CACHE_DIR: join(cacheFolder(), "zig-libraries") };
}

/** Makes the project `hello` in `folder` from a template, with what npm would install. Gives the path of its main source. */
export async function createProject(folder: string, language: Language, shape: Shape = "headers"): Promise<string> {
  const made = await initProject({ folder, language, shape, name: "hello" }, new AbortController().signal);
  if (!made.ok) throw new Error(made.error.message);
  if (language === "assemblyscript") await symlink(await sdkModules(), join(folder, "node_modules"));
  return join(folder, MAIN[language]);
}
