import { ok, type Result } from "../../model/result.ts";
import type { CountedFunction } from "../../preflight/index.ts";
import { countEntries, preparePlugin } from "../../preflight/index.ts";
import type { Language } from "../project/language.ts";
import { runTestFiles } from "../typescript/run-files.ts";
import type { CaseFile } from "./case.ts";
import { type Coverage, coverageOf } from "./coverage.ts";
import type { EnvoyHosts } from "./envoy/host.ts";
import type { SetupDefaults } from "./read/file.ts";
import type { TestResult } from "./result.ts";
import { compareWithEnvoy } from "./run-both.ts";
import { type CasePlace, SandboxThread } from "./sandbox/thread.ts";
import type { TestFiles } from "./suite.ts";

/** What is tested, and by what. */
export interface TestRun {
  readonly module: { readonly path: string; readonly bytes: Uint8Array };
  readonly language: Language | undefined;
  readonly files: TestFiles;
  /** The files of cases, in the order of `files.cases`. */
  readonly suite: readonly CaseFile[];
  readonly defaults: SetupDefaults;
}

export interface TestOptions {
  readonly isStrict: boolean;
  readonly wantsCoverage: boolean;
  /** The same cases run in an Envoy too. */
  readonly envoys: EnvoyHosts | undefined;
  readonly signal: AbortSignal;
  /** Told as each ends. */
  readonly onResult?: (result: TestResult) => void;
}

export interface TestOutcome {
  readonly results: readonly TestResult[];
  /** Of the cases. */
  readonly coverage: Coverage | undefined;
}

/** Runs all tests. Fails where no proxy could load the module at all. */
export async function runTests(run: TestRun, options: TestOptions): Promise<Result<TestOutcome>> {
  const { bytes, path } = run.module;
  const prepared = preparePlugin(bytes);
  if (!prepared.ok) return prepared;
  const counting = options.wantsCoverage ? countEntries(bytes) : ok(undefined);
  if (!counting.ok) return counting;
  const functions = counting.value?.functions ?? [];
  const results: TestResult[] = [];
  const note = (result: TestResult) => {
    results.push(result);
    options.onResult?.(result);
  };
  const counts = await runCases(run, counting.value?.bytes ?? bytes, functions, options, note);
  if (!options.signal.aborted) {
    process.env.WEIR_MODULE = path;
    for (const result of await runTestFiles(run.files.scripts, process.cwd(), options.signal)) note(result);
  }
  return ok({ results, coverage: options.wantsCoverage ? coverageOf(functions, counts, run.language) : undefined });
}

async function runCases(
  { module, suite, files, defaults }: TestRun,
  code: Uint8Array,
  functions: readonly CountedFunction[],
  { isStrict, envoys, signal }: TestOptions,
  note: (result: TestResult) => void,
): Promise<readonly number[]> {
  const sandbox = new SandboxThread(code, defaults);
  const counters = functions.map(({ counter }) => counter);
  const counts = counters.map(() => 0);
  try {
    for (const place of placesOf(suite, files.cases)) {
      if (signal.aborted) break;
      const answer = await sandbox.run(place, isStrict, counters);
      for (const [at, count] of answer.counts.entries()) counts[at] = (counts[at] ?? 0) + count;
      const result = envoys === undefined ? answer.result : await compareWithEnvoy(place.one, answer, envoys.of(module.bytes));
      // An Envoy that was stopped says nothing of its case.
      if (signal.aborted) break;
      note(result);
    }
  } finally {
    await sandbox.stop();
  }
  return counts;
}

function placesOf(suite: readonly CaseFile[], paths: readonly string[]): CasePlace[] {
  return suite.flatMap(({ cases }, at) => cases.map((one, index) => ({ path: paths[at] ?? "", index, one })));
}
