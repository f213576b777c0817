import { writeFile } from "node:fs/promises";
import type { Coverage, TestResult } from "../../author/index.ts";
import { messageOf } from "../../base/error.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import type { FlagValues } from "../args/syntax.ts";
import { outputFlag } from "../fleet/flags.ts";
import { envoyFlags } from "../local/find-envoy.ts";
import { inScope } from "../local/scope.ts";
import { printJson } from "../output.ts";
import { createPaint } from "../render/paint.ts";
import type { Terminal } from "../terminal.ts";

const flags = {
  module: { type: "string", short: "m", value: "FILE", completes: "file", help: "the module to test; default: the project's, built anew" },
  watch: { type: "boolean", short: "w", help: "run again when a source or a test changes" },
  strict: { type: "boolean", help: "fail on what the filter does and no case names" },
  coverage: { type: "boolean", help: "tell which functions of the module the cases never entered" },
  envoy: {
    ...envoyFlags.envoy,
    bare: "",
    help: "run the cases in a real Envoy too, and tell where the two differ; --envoy=VERSION for another",
  },
  yes: envoyFlags.yes,
  reporter: { type: "string", help: "how results are shown", choices: ["pretty", "tap", "junit"], fallback: "pretty" },
  junit: { type: "string", value: "FILE", completes: "file", help: "write the results as JUnit's XML too" },
  ...outputFlag,
} as const;

export type TestFlags = FlagValues<typeof flags>;

export const test = defineCommand({
  name: "test",
  summary: "Run the tests of a filter",
  about: `Builds the project in this folder and runs its tests/*.weir.yaml and tests/*.test.ts, or the FILES that are named. A case says what a filter is given and what should
    come of it; it runs in this process on the very host that the server proves modules with. Exit status 1 means that a test failed.`,
  args: { files: { value: "FILES", completes: "file", help: "NAME.weir.yaml and NAME.test.ts", optional: true, multiple: true } },
  flags,
  examples: [
    { does: "all tests of the project", command: "weir test" },
    { does: "one file, against a module that is built already", command: "weir test hello.weir.yaml --module hello.wasm" },
    { does: "in a real Envoy too", command: "weir test --envoy" },
    { does: "for a CI system that reads JUnit", command: "weir test --strict --junit results.xml" },
  ],
  async run({ flags, args }, terminal) {
    const [{ runOnce }, { watchTests }] = await Promise.all([import("../local/test.ts"), import("../local/watch-tests.ts")]);
    return inScope(async (scope) => {
      if (flags.watch) return watchTests(scope, flags, args.files, terminal, (outcome) => report(outcome, flags, terminal));
      const outcome = await runOnce(scope, flags, args.files, terminal);
      if (!outcome.ok) return outcome;
      if (scope.signal.aborted) return ok(1);
      const reported = await report(outcome.value, flags, terminal);
      if (!reported.ok) return reported;
      return ok(outcome.value.results.some(({ outcome }) => outcome === "failed") ? 1 : 0);
    });
  },
});

interface Outcome {
  readonly results: readonly TestResult[];
  readonly coverage: Coverage | undefined;
}

async function report({ results, coverage }: Outcome, given: TestFlags, terminal: Terminal): Promise<Result<void>> {
  const { renderJunit, renderTap } = await import("../../author/index.ts");
  const { renderCoverage, renderTests } = await import("../render/tests.ts");
  if (given.junit !== undefined) {
    try {
      await writeFile(given.junit, renderJunit(results));
    } catch (error) {
      return fail("CannotWrite", `${given.junit} cannot be written: ${messageOf(error)}`);
    }
  }
  if (given.output === "json") printJson({ results, coverage }, terminal);
  else if (given.reporter === "tap") terminal.out(renderTap(results));
  else if (given.reporter === "junit") terminal.out(renderJunit(results));
  else terminal.out(renderTests(results, createPaint(terminal.color)));
  if (coverage === undefined || given.output === "json") return ok(undefined);
  const text = renderCoverage(coverage, createPaint(terminal.color));
  // What programs read stays whole.
  if (given.reporter === "pretty") terminal.out(text);
  else terminal.err(text);
  return ok(undefined);
}
