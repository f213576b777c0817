import type { Case } from "./case.ts";
import type { Mismatch } from "./compare-message.ts";
import { differences } from "./differences.ts";
import { EnvoyFailure } from "./envoy/envoy.ts";
import { withTrueSums } from "./envoy/metrics.ts";
import type { CaseHost, Observed } from "./observed.ts";
import type { TestResult } from "./result.ts";
import { type RunOptions, runCase } from "./run.ts";

/** How a case went in the sandbox. */
export interface SandboxRun {
  readonly result: TestResult;
  readonly observed: readonly Observed[];
}

/** Runs a case in the sandbox and in a real Envoy: see `compareWithEnvoy`. */
export async function runInBoth(one: Case, sandbox: CaseHost, envoy: CaseHost, options: RunOptions = {}): Promise<TestResult> {
  const observed: Observed[] = [];
  const result = await runCase(one, sandbox, { ...options, onStep: (each) => observed.push(each) });
  return compareWithEnvoy(one, { result, observed }, envoy);
}

/**
 * Runs a case in a real Envoy, after the sandbox. It fails where it fails in either, and where the two differ in anything: then the sandbox is wrong, and that is to be told to
 * Weir's maintainers. A case that Envoy cannot run counts as it went in the sandbox.
 */
export async function compareWithEnvoy(one: Case, { result: first, observed: ours }: SandboxRun, envoy: CaseHost): Promise<TestResult> {
  const theirs: Observed[] = [];
  const second = await inEnvoy(one, envoy, {
    onStep: (observed) => theirs.push(observed),
    adjust: (observed, index) => ({ ...observed, metrics: withTrueSums(observed.metrics, ours[index]?.metrics ?? []) }),
  });
  if (second.outcome === "skipped")
    return first.outcome === "failed" ? first : { ...first, note: `not run in ${envoy.name}: ${second.reason}` };
  const found = ours.slice(0, theirs.length).flatMap((observed, index) => differences(observed, theirs[index] ?? observed, envoy.name));
  const mismatches: Mismatch[] = [
    ...(first.failure?.mismatches ?? []),
    ...(second.failure?.mismatches ?? []).map((mismatch) => ({ ...mismatch, path: `${mismatch.path} in ${envoy.name}` })),
    ...found.map((what) => ({ path: "difference", line: one.line, expected: `the sandbox does what ${envoy.name} does`, got: what })),
  ];
  const duration = first.duration + second.duration;
  if (mismatches.length === 0) return { ...first, duration };
  const { logs = [], trap } = first.failure ?? second.failure ?? {};
  return { ...first, outcome: "failed", duration, failure: { mismatches, logs, trap } };
}

/** An Envoy that ends, or hangs, fails the case. */
async function inEnvoy(one: Case, envoy: CaseHost, options: RunOptions): Promise<TestResult> {
  const began = performance.now();
  try {
    return await runCase(one, envoy, options);
  } catch (error) {
    if (!(error instanceof EnvoyFailure)) throw error;
    const { file, line, name } = one;
    const got = `${error.message} while case ${JSON.stringify(name)} ran${error.words === undefined ? "" : `: ${error.words}`}`;
    const mismatches = [{ path: "Envoy", line, expected: "Envoy lives", got }];
    return { file, line, name, outcome: "failed", duration: performance.now() - began, failure: { mismatches, logs: [], trap: undefined } };
  }
}
