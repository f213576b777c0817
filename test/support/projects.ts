import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { initProject, type Language, type Shape } from "../../author/index.ts";
import { sdkModules } from "../../scripts/examples/assemblyscript.ts";
import { needRust } from "../../scripts/tools/machine.ts";

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

/** Makes the project `hello` in `folder` from a template, with what npm would install. Gives the path of its main source. */
export async function createProject(folder: string, language: Language, shape: Shape = "headers"): Promise<string> {
  const made = await initProject({ folder, language, shape, name: "hello" }, new AbortController().signal);
  if (!made.ok) throw new Error(made.error.message);
  if (language === "assemblyscript") await symlink(await sdkModules(), join(folder, "node_modules"));
  return join(folder, MAIN[language]);
}
