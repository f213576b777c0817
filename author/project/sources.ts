import { glob, readdir, stat } from "node:fs/promises";
import { join, matchesGlob } from "node:path";
import { fail, ok, type Result } from "../../model/result.ts";
import { FACTS } from "./language.ts";
import type { Project } from "./project.ts";

/** Folders that compilers and package managers fill. */
const FILLED = ["node_modules", "target", "build", ".git", ".zig-cache", "zig-out", "vendor"];
/** Most files of a project. */
const MAX_FILES = 10_000;
const MAX_FOLDERS = 1_000;

/** True for a path below the project's folder, with `/`, that its builds read. */
export function isSource({ sources }: Pick<Project, "sources">, path: string): boolean {
  return !path.split("/").some((part) => FILLED.includes(part)) && sources.some((source) => matchesGlob(path, source));
}

/** The files that a build reads, below the project's folder, in order. Links to folders are not followed. */
export async function listSources({ folder, sources }: Pick<Project, "folder" | "sources">): Promise<Result<readonly string[]>> {
  const files = new Set<string>();
  for await (const entry of glob([...sources], { cwd: folder, exclude: (entry) => FILLED.includes(entry.name), withFileTypes: true })) {
    if (!entry.isFile() && !entry.isSymbolicLink()) continue;
    files.add(join(entry.parentPath, entry.name).slice(folder.length + 1));
    if (files.size > MAX_FILES)
      return fail("TooManySources", `the project has more than ${MAX_FILES} sources; narrow sources in weir.yaml`);
  }
  return ok([...files].sort());
}

/** The folders that may hold sources: the project's own and those below it, but for hidden ones and those that compilers and package managers fill. */
export async function sourceFolders({ folder }: Pick<Project, "folder">): Promise<readonly string[]> {
  const folders = [folder];
  for (const each of folders) {
    const entries = await readdir(each, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (!entry.isDirectory() || entry.name.startsWith(".") || FILLED.includes(entry.name)) continue;
      if (folders.length === MAX_FOLDERS) return folders;
      folders.push(join(each, entry.name));
    }
  }
  return folders;
}

/** The file that AssemblyScript or Zig compiles. */
export async function findEntry({ folder, language, entry }: Pick<Project, "folder" | "language" | "entry">): Promise<Result<string>> {
  const { entries, title } = FACTS[language];
  for (const path of entry === undefined ? entries.map((each) => join(folder, each)) : [entry]) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() === true) return ok(path);
  }
  const looked = entry?.slice(folder.length + 1) ?? entries.join(" or ");
  return fail("NoSource", `the project has no ${looked}, which ${title} compiles; write it, or name the file as entry in weir.yaml`);
}
