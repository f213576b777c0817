import { relative } from "node:path";
import { fail, ok, type Result } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { outputFlag } from "../fleet/flags.ts";
import { inScope } from "../local/scope.ts";
import { buildFor, findSubject, givenModule, type Subject } from "../local/subject.ts";
import { printJson } from "../output.ts";
import { renderBenchmark } from "../render/bench.ts";
import type { Terminal } from "../terminal.ts";

export const bench = defineCommand({
  name: "bench",
  summary: "Measure what an exchange takes in a filter",
  about: `Builds the project in this folder, as \`weir build\` does, and sends the first exchange of its first case through the module, over and over, in this process. It tells the median of
    nanoseconds of CPU that an exchange takes in the filter and its host calls, without the host's own work around it, and which host calls it makes. With FILE its first case is taken.`,
  args: { file: { value: "FILE", completes: "file", optional: true, help: "NAME.weir.yaml; default: the first in tests/" } },
  flags: {
    module: {
      type: "string",
      short: "m",
      value: "FILE",
      completes: "file",
      help: "the module to measure; default: the project's, built anew",
    },
    ...outputFlag,
  },
  examples: [
    { does: "the project in this folder", command: "weir bench" },
    { does: "a module that is built already", command: "weir bench hello.weir.yaml --module hello.wasm" },
  ],
  async run({ flags, args }, terminal) {
    const author = await import("../../author/index.ts");
    const subject = await findSubject(flags.module, args.file);
    if (!subject.ok) return subject;
    const { folder, project } = subject.value;
    const files = await author.findTests(folder, args.file === undefined ? [] : [args.file]);
    if (!files.ok) return files;
    const [first] = files.value.cases;
    if (first === undefined) return fail("NoCase", "there are no cases; write one as tests/NAME.weir.yaml");
    const { config = "", rootId = "" } = project ?? {};
    const suite = await author.readSuite([first], { config, rootId });
    if (!suite.ok) return suite;
    const one = suite.value[0]?.cases[0];
    const built = await moduleOf(subject.value, flags.module, terminal);
    if (!built.ok || one === undefined) return built.ok ? ok(undefined) : built;
    if (typeof built.value === "number") return ok(built.value);
    // Nothing listens for signals now: a filter that never returns is ended by Ctrl-C.
    const measured = author.bench(built.value.bytes, one);
    if (!measured.ok) return measured;
    const names = { module: flags.module ?? relative(process.cwd(), built.value.path), place: `${one.file}:${one.line}`, name: one.name };
    if (flags.output === "json") printJson({ ...names, ...measured.value }, terminal);
    else terminal.out(renderBenchmark(names, measured.value));
    return ok(undefined);
  },
});

/** A number: the exit status of a build that was stopped. */
async function moduleOf(
  { project }: Subject,
  path: string | undefined,
  terminal: Terminal,
): Promise<Result<{ path: string; bytes: Uint8Array } | number>> {
  if (project === undefined) return givenModule(path ?? "");
  let module: Awaited<ReturnType<typeof buildFor>> | undefined;
  const stopped = await inScope(async (scope) => {
    module = await buildFor(project, { purpose: "bench", keepNames: project.keepNames }, scope, terminal);
    return ok(undefined);
  });
  if (module === undefined || (stopped.ok && typeof stopped.value === "number")) return ok(stopped.ok ? (stopped.value ?? 1) : 1);
  return module;
}
