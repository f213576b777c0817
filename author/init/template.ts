import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Language } from "../project/language.ts";
import { PROJECT_FILE } from "../project/project.ts";
import type { Shape } from "./shape.ts";

const TEMPLATES = fileURLToPath(new URL("../../templates/", import.meta.url));

/** How a project is called in the templates, wherever its name stands. */
const PLACEHOLDER = "my-filter";

/** The files of a project: their text by their path, with `/`. */
export type Files = ReadonlyMap<string, string>;

/**
 * A project's files, from what all share, what all of a shape share, what all of a language share, and what is of both. A file that is in several
 * is their texts one after the other.
 */
export async function readTemplate(language: Language, shape: Shape, name: string): Promise<Files> {
  const files = new Map([[PROJECT_FILE, `language: ${language}\nname: ${name}\n\n`]]);
  for (const layer of ["common", `shapes/${shape}`, `${language}/common`, `${language}/${shape}`]) {
    for (const [path, text] of await readLayer(join(TEMPLATES, layer))) {
      files.set(path, (files.get(path) ?? "") + text.replaceAll(PLACEHOLDER, name));
    }
  }
  return files;
}

async function readLayer(folder: string): Promise<(readonly [string, string])[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(paths.sort().map(async (path) => [projectPath(relative(folder, path)), await readFile(path, "utf8")] as const));
}

/** npm leaves files and folders of these names out of a package, so they have no dot here. */
function projectPath(path: string): string {
  return path.replace(/^(gitignore|github)(?=\/|$)/, ".$1");
}
