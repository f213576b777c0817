import { writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { TestResult } from "../../author/index.ts";
import { messageOf } from "../../base/error.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import type { FlagValues } from "../args/syntax.ts";
import { outputFlag } from "../fleet/flags.ts";
import { readModule } from "../modules.ts";
import { printJson } from "../output.ts";
import { createPaint } from "../render/paint.ts";
import { renderTests } from "../render/tests.ts";
import type { Terminal } from "../terminal.ts";

const flags = {
  module: { type: "string", short: "m", value: "FILE", completes: "file", help: "the module to test; default: the project's" },
  strict: { type: "boolean", help: "fail on what the filter does and no case names" },
  reporter: { type: "string", help: "how results are shown", choices: ["pretty", "tap", "junit"], fallback: "pretty" },
  junit: { type: "string", value: "FILE", completes: "file", help: "write the results as JUnit's XML too" },
  ...outputFlag,
} as const;

export const test = defineCommand({
  name: "test",
  summary: "Run the tests of a filter",
  about: `Runs tests/*.weir.yaml and tests/*.test.ts of the project in this folder, or the FILES that are named. A case says what a filter is given and what should come
    of it; it runs in this process on the very host that the server proves modules with. Exit status 1 means that a test failed.`,
  args: { files: { value: "FILES", completes: "file", help: "NAME.weir.yaml and NAME.test.ts", multiple: true, optional: true } },
  flags,
  examples: [
    { does: "all tests of the project", command: "weir test" },
    { does: "one file, against a module that is built already", command: "weir test hello.weir.yaml --module hello.wasm" },
    { does: "for a CI system that reads JUnit", command: "weir test --strict --junit results.xml" },
  ],
  async run({ flags, args }, terminal) {
    const results = await runTests(flags, args.files);
    if (!results.ok) return results;
    const written = await report(results.value, flags, terminal);
    if (!written.ok) return written;
    return ok(results.value.some(({ outcome }) => outcome === "failed") ? 1 : 0);
  },
});

async function runTests(given: FlagValues<typeof flags>, files: readonly string[]): Promise<Result<readonly TestResult[]>> {
  const author = await import("../../author/index.ts");
  const subject = await findSubject(given.module, files);
  if (!subject.ok) return subject;
  const { folder, module, defaults } = subject.value;
  const found = await author.findTests(folder, files);
  if (!found.ok) return found;
  const suite = await author.readSuite(found.value.cases, defaults);
  if (!suite.ok) return suite;
  const bytes = await readModule(module);
  if (!bytes.ok) return bytes;
  const sandbox = author.createSandbox(bytes.value);
  if (!sandbox.ok) return sandbox;
  const results: TestResult[] = [];
  for (const one of suite.value.flatMap(({ cases }) => cases))
    results.push(await author.runCase(one, sandbox.value, { isStrict: given.strict }));
  process.env.WEIR_MODULE = module;
  results.push(...(await author.runTestFiles(found.value.scripts, process.cwd())));
  return ok(results);
}

interface Subject {
  readonly folder: string;
  /** Path of the module. */
  readonly module: string;
  readonly defaults: { readonly config: string; readonly rootId: string };
}

/** With a module of its own, a test needs no project. */
async function findSubject(module: string | undefined, files: readonly string[]): Promise<Result<Subject>> {
  const folder = process.cwd();
  if (module !== undefined)
    return ok({ folder: files.length === 0 ? folder : dirname(files[0] ?? ""), module, defaults: { config: "", rootId: "" } });
  const { readProject } = await import("../../author/index.ts");
  const project = await readProject(folder);
  return project.ok ? ok({ folder, module: project.value.module, defaults: project.value }) : project;
}

async function report(results: readonly TestResult[], given: FlagValues<typeof flags>, terminal: Terminal): Promise<Result<void>> {
  const { renderJunit, renderTap } = await import("../../author/index.ts");
  if (given.junit !== undefined) {
    try {
      await writeFile(given.junit, renderJunit(results));
    } catch (error) {
      return fail("CannotWrite", `${given.junit} cannot be written: ${messageOf(error)}`);
    }
  }
  if (given.output === "json") printJson(results, terminal);
  else if (given.reporter === "tap") terminal.out(renderTap(results));
  else if (given.reporter === "junit") terminal.out(renderJunit(results));
  else terminal.out(renderTests(results, createPaint(terminal.color)));
  return ok(undefined);
}
