import { dirname, join } from "node:path";
import type { Project, TestRun } from "../../author/index.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { readModule } from "../modules.ts";
import { startProgress } from "../progress.ts";
import { renderBuildFailure } from "../render/build.ts";
import type { Terminal } from "../terminal.ts";
import type { Scope } from "./scope.ts";

/** What is tested or measured: a project, or a module that is built already. */
export interface Subject {
  readonly project: Project | undefined;
  /** Where its tests are. */
  readonly folder: string;
}

/** `module`: a module that is built already, which needs no project. `file`: the first test file that is named. */
export async function findSubject(module: string | undefined, file: string | undefined): Promise<Result<Subject>> {
  if (module !== undefined) return ok({ project: undefined, folder: file === undefined ? "." : dirname(file) });
  const { readProject } = await import("../../author/index.ts");
  const project = await readProject(".");
  return project.ok ? ok({ project: project.value, folder: project.value.folder }) : project;
}

export async function givenModule(path: string): Promise<Result<TestRun["module"]>> {
  const bytes = await readModule(path);
  return bytes.ok ? ok({ path, bytes: bytes.value }) : bytes;
}

/** Builds a module of its own, in a folder beside the project's. What a compiler says is on stderr. */
export async function buildFor(
  project: Project,
  { purpose, keepNames }: { readonly purpose: "test" | "bench"; readonly keepNames: boolean },
  scope: Scope,
  terminal: Terminal,
): Promise<Result<TestRun["module"]>> {
  const { buildProject } = await import("../../author/index.ts");
  const progress = startProgress(terminal);
  const path = join(dirname(project.module), purpose, `${project.name}.wasm`);
  const options = { env: terminal.env, signal: scope.signal, keepNames, prove: false, module: path, onProgress: progress.tell };
  const built = await buildProject(project, options);
  progress.stop();
  if (built.ok) return ok({ path, bytes: built.value.bytes });
  if (built.error.words === undefined || built.error.words === "") return built;
  // The compiler's words stand below ours, whole.
  terminal.err(renderBuildFailure(built.error));
  return fail(built.error.reason, "nothing was run");
}
