import { dirname, join } from "node:path";
import { EnvoyHosts, type Language, type Project, type TestOutcome, type TestRun } from "../../author/index.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { TestFlags } from "../commands/test.ts";
import { readModule } from "../modules.ts";
import { startProgress } from "../progress.ts";
import { renderBuildFailure, renderProgress } from "../render/build.ts";
import type { Terminal } from "../terminal.ts";
import { findLocalEnvoy } from "./find-envoy.ts";
import type { Scope } from "./scope.ts";

/** What is tested: a project, or a module that is built already. */
export interface Subject {
  readonly project: Project | undefined;
  /** Where its tests are. */
  readonly folder: string;
}

/** Finds what is tested, builds it, and runs the tests. What a compiler says is on stderr. */
export async function runOnce(scope: Scope, flags: TestFlags, files: readonly string[], terminal: Terminal): Promise<Result<TestOutcome>> {
  const subject = await findSubject(flags, files);
  if (!subject.ok) return subject;
  const envoys = flags.envoy === undefined ? ok(undefined) : await openEnvoys(scope, flags, terminal);
  return envoys.ok ? testSubject(scope, { flags, files, subject: subject.value, envoys: envoys.value }, terminal) : envoys;
}

export async function findSubject(flags: TestFlags, files: readonly string[]): Promise<Result<Subject>> {
  if (flags.module !== undefined) return ok({ project: undefined, folder: files.length === 0 ? "." : dirname(files[0] ?? "") });
  const { readProject } = await import("../../author/index.ts");
  const project = await readProject(".");
  return project.ok ? ok({ project: project.value, folder: project.value.folder }) : project;
}

/** Envoys that end with the scope. */
export async function openEnvoys(scope: Scope, { envoy, yes }: TestFlags, terminal: Terminal): Promise<Result<EnvoyHosts>> {
  const found = await findLocalEnvoy({ envoy: envoy === "" ? undefined : envoy, yes }, terminal, scope.signal);
  if (!found.ok) return found;
  const envoys = new EnvoyHosts(found.value, scope.signal);
  scope.defer(() => envoys.stop());
  return ok(envoys);
}

export interface TestJob {
  readonly flags: TestFlags;
  readonly files: readonly string[];
  readonly subject: Subject;
  readonly envoys: EnvoyHosts | undefined;
}

export async function testSubject(scope: Scope, job: TestJob, terminal: Terminal): Promise<Result<TestOutcome>> {
  const { findTests, readSuite, runTests } = await import("../../author/index.ts");
  const { flags, subject, envoys } = job;
  const files = await findTests(subject.folder, job.files);
  if (!files.ok) return files;
  const { config = "", rootId = "" } = subject.project ?? {};
  const suite = await readSuite(files.value.cases, { config, rootId });
  if (!suite.ok) return suite;
  const module = subject.project === undefined ? await given(flags.module ?? "") : await build(subject.project, scope, terminal);
  if (!module.ok) return module;
  const run = { module: module.value, language: languageOf(subject), files: files.value, suite: suite.value, defaults: { config, rootId } };
  return runTests(run, { isStrict: flags.strict, wantsCoverage: flags.coverage, envoys, signal: scope.signal });
}

function languageOf({ project }: Subject): Language | undefined {
  return project?.language;
}

async function given(path: string): Promise<Result<TestRun["module"]>> {
  const bytes = await readModule(path);
  return bytes.ok ? ok({ path, bytes: bytes.value }) : bytes;
}

/** A module of its own beside the project's, with the names of its functions: a trap then tells where it was. */
async function build(project: Project, scope: Scope, terminal: Terminal): Promise<Result<TestRun["module"]>> {
  const { buildProject } = await import("../../author/index.ts");
  const progress = startProgress(terminal, renderProgress, (each) => (each.step === "line" ? each.text : undefined));
  const path = join(dirname(project.module), "test", `${project.name}.wasm`);
  const built = await buildProject(project, {
    ...{ env: terminal.env, signal: scope.signal, keepNames: true, prove: false, module: path },
    onProgress: progress.tell,
  });
  progress.stop();
  if (built.ok) return ok({ path, bytes: built.value.bytes });
  if (built.error.words === undefined || built.error.words === "") return built;
  // The compiler's words stand below ours, whole.
  terminal.err(renderBuildFailure(built.error));
  return fail(built.error.reason, "nothing was tested");
}
