import { ok, type Result } from "../../model/result.ts";
import type { Language } from "../project/language.ts";
import { packedLibraries } from "./libraries.ts";
import { lockLibraries, VENDOR, withLibraries } from "./npm-manifest.ts";
import type { Shape } from "./shape.ts";
import { type Files, readTemplate } from "./template.ts";
import { type Contents, writeFolder } from "./write.ts";

export interface NewProject {
  /** An absolute path: there is no such folder, or it is empty. */
  readonly folder: string;
  readonly language: Language;
  readonly shape: Shape;
  readonly name: string;
}

/** Makes a project from its template. It appears whole, or not at all. */
export async function initProject({ folder, language, shape, name }: NewProject, signal: AbortSignal): Promise<Result<void>> {
  const files = await readTemplate(language, shape, name);
  const contents = language === "assemblyscript" ? await bringLibraries(files) : ok(files);
  return contents.ok ? writeFolder(folder, contents.value, signal) : contents;
}

/** Adds Weir's npm packages: a project builds wherever its lockfile's registry can be reached. */
async function bringLibraries(files: Files): Promise<Result<Contents>> {
  const libraries = await packedLibraries();
  if (!libraries.ok) return libraries;
  const text = (path: string) => files.get(path) ?? "{}";
  return ok(
    new Map<string, string | Uint8Array>([
      ...files,
      ["package.json", withLibraries(text("package.json"), libraries.value)],
      ["package-lock.json", lockLibraries(text("package-lock.json"), libraries.value)],
      ...libraries.value.map(({ file, bytes }) => [`${VENDOR}/${file}`, bytes] as const),
    ]),
  );
}
