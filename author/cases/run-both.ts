import type { Case } from "./case.ts";
import type { Mismatch } from "./compare-message.ts";
import { differences } from "./differences.ts";
import { withTrueSums } from "./envoy/metrics.ts";
import type { CaseHost, Observed } from "./observed.ts";
import type { TestResult } from "./result.ts";
import { type RunOptions, runCase } from "./run.ts";

/**
 * Runs a case in the sandbox and in a real Envoy. It fails where it fails in either, and where the two differ in anything: then the sandbox is wrong, and that is to be told to
 * Weir's maintainers. A case that Envoy cannot run counts as it went in the sandbox.
 */
export async function runInBoth(one: Case, sandbox: CaseHost, envoy: CaseHost, options: RunOptions = {}): Promise<TestResult> {
  const [ours, theirs]: [Observed[], Observed[]] = [[], []];
  const first = await runCase(one, sandbox, { ...options, onStep: (observed) => ours.push(observed) });
  const second = await runCase(one, envoy, {
    onStep: (observed) => theirs.push(observed),
    adjust: (observed, index) => ({ ...observed, metrics: withTrueSums(observed.metrics, ours[index]?.metrics ?? []) }),
  });
  const duration = first.duration + second.duration;
  if (second.outcome === "skipped")
    return first.outcome === "failed" ? first : { ...first, note: `not run in ${envoy.name}: ${second.reason}` };
  const found = ours.slice(0, theirs.length).flatMap((observed, index) => differences(observed, theirs[index] ?? observed, envoy.name));
  const mismatches: Mismatch[] = [
    ...(first.failure?.mismatches ?? []),
    ...(second.failure?.mismatches ?? []).map((mismatch) => ({ ...mismatch, path: `${mismatch.path} in ${envoy.name}` })),
    ...found.map((what) => ({ path: "difference", line: one.line, expected: `the sandbox does what ${envoy.name} does`, got: what })),
  ];
  if (mismatches.length === 0) return { ...first, duration };
  const { logs = [], trap } = first.failure ?? second.failure ?? {};
  return { ...first, outcome: "failed", duration, failure: { mismatches, logs, trap } };
}
