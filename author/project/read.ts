import { join, resolve } from "node:path";
import { isThere } from "../../base/is-there.ts";
import { fail, type Result } from "../../model/result.ts";
import { readYaml } from "../yaml/open.ts";
import { PROJECT_FILE, type Project, parseProject } from "./project.ts";

/** Reads the project in a folder. Messages name the file and the line of what is wrong. */
export async function readProject(folder: string): Promise<Result<Project>> {
  const path = join(folder, PROJECT_FILE);
  if (!(await isThere(path))) return fail("NoProject", `there is no ${path}; start a project with weir init, or name the folder of one`);
  const file = await readYaml(path, PROJECT_FILE);
  return file.ok ? parseProject(file.value, resolve(folder)) : file;
}
