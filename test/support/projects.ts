import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import type { Language } from "../../author/index.ts";
import { cacheFolder } from "../../base/cache-folder.ts";
import { sdkModules } from "../../scripts/examples/assemblyscript.ts";
import { isSource, sourceOf } from "../../scripts/examples/sources.ts";
import { needRust } from "../../scripts/tools/machine.ts";
import { outsideNpm } from "../../scripts/tools/run.ts";
import { installZig } from "../../scripts/tools/zig.ts";

/** Where each language has its `hello`, and its file for a mistake. */
const SOURCES: Readonly<
  Record<Exclude<Language, "assemblyscript">, { readonly example: string; readonly into: string; readonly main: string }>
> = {
  rust: { example: "hello-rust", into: ".", main: "src/lib.rs" },
  go: { example: "add-header-go", into: ".", main: "main.go" },
  c: { example: "hello-c", into: "src", main: "src/hello.c" },
  cpp: { example: "hello-cpp", into: "src", main: "src/hello.cc" },
  zig: { example: "hello-zig", into: "src", main: "src/hello.zig" },
};
const PAGE = new URL("../../docs/authors/assemblyscript.md", import.meta.url);

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

/** Makes a project in `folder`. Gives the path of its main source. */
export async function createProject(folder: string, language: Language, settings = ""): Promise<string> {
  await mkdir(folder, { recursive: true });
  const entry = language === "zig" ? "entry: src/hello.zig\n" : "";
  await writeFile(join(folder, "weir.yaml"), `language: ${language}\nname: hello\n${entry}${settings}`);
  if (language === "assemblyscript") return createAssemblyScript(folder);
  const { example, into, main } = SOURCES[language];
  await cp(sourceOf(example), join(folder, into), { recursive: true, filter: isSource });
  if (language !== "cpp") return join(folder, main);
  await cp(join(sourceOf("hello-c"), "proxy_wasm.h"), join(folder, "src/proxy_wasm.h"));
  const text = await readFile(join(folder, main), "utf8");
  await writeFile(join(folder, main), text.replace('"../hello-c/proxy_wasm.h"', '"proxy_wasm.h"'));
  return join(folder, main);
}

async function createAssemblyScript(folder: string): Promise<string> {
  const hello = /```ts\n([\s\S]*?)```/.exec(await readFile(PAGE, "utf8"))?.[1] ?? "";
  const main = join(folder, "assembly/filter.ts");
  await mkdir(dirname(main));
  await writeFile(main, hello);
  await symlink(await sdkModules(), join(folder, "node_modules"));
  return main;
}
