import { EnvoyHosts, type TestOutcome, type TestRun } from "../../author/index.ts";
import { ok, type Result } from "../../model/result.ts";
import type { TestFlags } from "../commands/test.ts";
import type { Terminal } from "../terminal.ts";
import { findLocalEnvoy } from "./find-envoy.ts";
import type { Scope } from "./scope.ts";
import { buildFor, findSubject, givenModule, type Subject } from "./subject.ts";

/** Finds what is tested, builds it, and runs the tests. What a compiler says is on stderr. */
export async function runOnce(scope: Scope, flags: TestFlags, files: readonly string[], terminal: Terminal): Promise<Result<TestOutcome>> {
  const subject = await findSubject(flags.module, files[0]);
  if (!subject.ok) return subject;
  const envoys = flags.envoy === undefined ? ok(undefined) : await openEnvoys(scope, flags, terminal);
  if (!envoys.ok) return envoys;
  const module = () => moduleOf(subject.value, flags, scope, terminal);
  return testSubject(scope, { flags, files, subject: subject.value, envoys: envoys.value, module });
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
  /** Gives the module, built. */
  readonly module: () => Promise<Result<TestRun["module"]>>;
}

/** Reads the tests before anything is built, and runs them. */
export async function testSubject(scope: Scope, job: TestJob): Promise<Result<TestOutcome>> {
  const { findTests, readSuite, runTests } = await import("../../author/index.ts");
  const { flags, subject, envoys } = job;
  const files = await findTests(subject.folder, job.files);
  if (!files.ok) return files;
  const { config = "", rootId = "", language } = subject.project ?? {};
  const suite = await readSuite(files.value.cases, { config, rootId });
  if (!suite.ok) return suite;
  const module = await job.module();
  if (!module.ok) return module;
  const run = { module: module.value, language, files: files.value, suite: suite.value, defaults: { config, rootId } };
  return runTests(run, { isStrict: flags.strict, wantsCoverage: flags.coverage, envoys, signal: scope.signal });
}

/** The module that a flag names, or else the project's, built anew. */
export function moduleOf({ project }: Subject, flags: TestFlags, scope: Scope, terminal: Terminal): Promise<Result<TestRun["module"]>> {
  if (project === undefined) return givenModule(flags.module ?? "");
  return buildFor(project, { purpose: "test", keepNames: true }, scope, terminal);
}
