import { relative } from "node:path";
import { run } from "node:test";
import type { TestResult } from "../cases/result.ts";

/** What node:test tells of a test. https://nodejs.org/api/test.html#event-testpass */
interface TestEvent {
  readonly name: string;
  readonly nesting: number;
  readonly file?: string;
  readonly line?: number;
  readonly skip?: string | boolean;
  readonly todo?: string | boolean;
  readonly details: { readonly duration_ms: number; readonly type?: string; readonly error?: Error & { readonly cause?: unknown } };
}

/** Milliseconds for one file. */
const FILE_TIMEOUT = 300_000;

/** Runs test files of node:test, each in a process of its own. Names of files come relative to `folder`. */
export async function runTestFiles(files: readonly string[], folder: string, signal?: AbortSignal): Promise<TestResult[]> {
  if (files.length === 0) return [];
  const results: TestResult[] = [];
  // Where this process is itself part of a test run, node:test would run nothing and say nothing.
  delete process.env.NODE_TEST_CONTEXT;
  const stream = run({ files: [...files], concurrency: true, timeout: FILE_TIMEOUT, ...(signal && { signal }) });
  stream.on("test:pass", (event) => note(results, event, folder));
  stream.on("test:fail", (event) => note(results, event, folder));
  stream.resume();
  await new Promise<void>((resolve, reject) => stream.once("end", resolve).once("error", reject));
  return results;
}

function note(results: TestResult[], event: TestEvent, folder: string): void {
  const { details, name, file = "", line = 1 } = event;
  if (details.type === "suite") return;
  const { error } = details;
  const common = { file: relative(folder, file), line, name, duration: details.duration_ms };
  if (error !== undefined) {
    const cause = error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : String(error.cause ?? error.message);
    // A test with subtests fails when one of them does, and that one tells why.
    if (!/^\d+ subtests? failed$/.test(cause))
      results.push({ ...common, outcome: "failed", failure: { mismatches: [], logs: [], trap: undefined, text: cause } });
    return;
  }
  const reason = [event.skip, event.todo].find((why) => why !== undefined && why !== false);
  results.push(
    reason === undefined
      ? { ...common, outcome: "passed" }
      : { ...common, outcome: "skipped", reason: reason === true ? "skipped" : String(reason) },
  );
}
