import { relative } from "node:path";
import { type EventData, run } from "node:test";
import { spec } from "node:test/reporters";
import { ROOT } from "./files.ts";
import { readAllowedSkips, type Skip, skipProblems } from "./skips.ts";

export interface RunOptions {
  /** Files at a time. */
  readonly concurrency: number;
  /** For one test that says no time of its own, in milliseconds: what takes longer hangs. */
  readonly testMs: number;
  /** For all of them, in milliseconds. */
  readonly totalMs: number;
}

/** What a test measured and reported with `t.diagnostic`. */
export interface Figure {
  readonly file: string;
  readonly test: string;
  readonly figure: string;
}

export interface TestRun {
  /** Every test passed, and every skip is allowed. */
  readonly passed: boolean;
  /** A signal, or the time for all of them, ended it. */
  readonly stopped: boolean;
  readonly figures: readonly Figure[];
}

interface Finished {
  readonly file: string;
  readonly tests: number;
  readonly ms: number;
}

/** What a test that failed leaves open does not keep its file, and all that come after it, from ending. */
const ENDS_ITSELF = ["--import", new URL("./lingering.ts", import.meta.url).href];
/** Files that take less are not listed. */
const LISTED_MS = 1_000;

/**
 * Runs test files, each in a process of its own, with the output of node's spec reporter on standard output; then the files that took over a second, and
 * what was skipped. `CI=true` makes a skip that is not in `test/skips.json` a failure.
 */
export async function runTests(files: readonly string[], options: RunOptions): Promise<TestRun> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const timer = setTimeout(() => {
    console.error(`the tests did not end within ${options.totalMs / 60_000} minutes`);
    stop.abort();
  }, options.totalMs);
  const { concurrency, testMs } = options;
  const stream = run({ files: [...files], cwd: ROOT, concurrency, timeout: testMs, signal: stop.signal, execArgv: ENDS_ITSELF });
  const seen = watch(stream);
  for await (const text of stream.compose(spec)) process.stdout.write(text);
  clearTimeout(timer);
  for (const line of slowest(seen.finished)) console.log(line);
  for (const { file, test, reason } of seen.skips) console.log(`skipped: ${file}: "${test}": ${reason}`);
  const problems = skipProblems(seen.skips, await readAllowedSkips(), process.env.CI === "true");
  for (const problem of problems) console.error(problem);
  const stopped = stop.signal.aborted;
  return { passed: seen.success() && !stopped && problems.length === 0, stopped, figures: seen.figures };
}

/** Collects what is printed or kept after the run. */
function watch(stream: ReturnType<typeof run>) {
  const finished: Finished[] = [];
  const skips: Skip[] = [];
  const figures: Figure[] = [];
  let success = false;
  let last = "";
  const at = (file: string | undefined) => relative(ROOT, file ?? ROOT);
  const ended = ({ name, file, skip }: EventData.TestPass | EventData.TestFail) => {
    last = name;
    if (skip !== undefined) skips.push({ file: at(file), test: name, reason: typeof skip === "string" ? skip : "" });
  };
  stream.on("test:pass", ended);
  stream.on("test:fail", ended);
  // A test's diagnostics follow its end; those without a file are the runner's own counts.
  stream.on("test:diagnostic", ({ file, message }) => {
    if (file !== undefined) figures.push({ file: at(file), test: last, figure: message });
  });
  stream.on("test:summary", ({ file, counts, duration_ms, success: all }) => {
    if (file === undefined) success = all;
    else finished.push({ file: at(file), tests: counts.tests, ms: duration_ms });
  });
  return { finished, skips, figures, success: () => success };
}

function slowest(finished: readonly Finished[]): string[] {
  const slow = finished.filter(({ ms }) => ms >= LISTED_MS).sort((a, b) => b.ms - a.ms);
  if (slow.length === 0) return [];
  const lines = slow.map(({ file, tests, ms }) => `${(ms / 1000).toFixed(1).padStart(7)} s ${String(tests).padStart(4)} tests  ${file}`);
  return [`\nfiles over ${LISTED_MS / 1000} s of ${finished.length}:`, ...lines];
}
