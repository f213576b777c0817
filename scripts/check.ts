import { COMPILE_CACHE } from "./tests/files.ts";
import { type Finished, run } from "./tools/run.ts";

/** One check of the sources. */
interface Step {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** What to say of a run that went well, from its output. */
  readonly summary?: (output: string) => string | undefined;
}

const STEP_MS = 10 * 60_000;
const ROOT = new URL("../", import.meta.url).pathname;
const node = (script: string, ...args: string[]): [string, ...string[]] => [process.execPath, script, ...args];

/** None needs more than the sources and node_modules; `.weir` keeps what makes the next check quicker. */
const STEPS: readonly Step[] = [
  {
    name: "unit tests",
    command: node("scripts/test.ts", "unit"),
    summary: (output) => /^ℹ pass (\d+)/m.exec(output)?.[1]?.concat(" pass"),
  },
  {
    name: "format, lint, boundaries",
    command: node("node_modules/@biomejs/biome/bin/biome", "ci", "--colors=off", "--error-on-warnings"),
    summary: (output) => /Checked (\d+ files)/.exec(output)?.[1],
  },
  {
    name: "types",
    command: node("node_modules/typescript/bin/tsc", "-p", ".", "--incremental", "--tsBuildInfoFile", ".weir/types.tsbuildinfo"),
  },
  { name: "generated code", command: node("scripts/generate.ts", "--check") },
  { name: "lockfile", command: node("scripts/lockfile.ts") },
];

/**
 * Runs the checks side by side and prints a line for each as it ends, then the output of those that failed.
 * Gives true when all hold.
 */
export async function check(print: (line: string) => void): Promise<boolean> {
  const start = performance.now();
  const failed: string[] = [];
  await Promise.all(
    STEPS.map(async (step) => {
      const [command, ...args] = step.command;
      const done = await run(command, args, { cwd: ROOT, env: { NO_COLOR: "1", NODE_COMPILE_CACHE: COMPILE_CACHE }, timeoutMs: STEP_MS });
      print(line(done.code === 0, step.name, start, done.code === 0 ? step.summary?.(done.stdout) : undefined));
      if (done.code !== 0) failed.push(`\n--- ${step.name}\n${outputOf(done)}`);
    }),
  );
  for (const text of failed) print(text);
  print(line(failed.length === 0, "check", start));
  return failed.length === 0;
}

function line(ok: boolean, name: string, start: number, note?: string): string {
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  return `${ok ? "ok  " : "FAIL"} ${name.padEnd(26)} ${seconds.padStart(5)} s${note === undefined ? "" : `  ${note}`}`;
}

/** The useful part of a failed step's output: for tests, only those that failed. */
function outputOf(done: Finished): string {
  const output = `${done.stdout}${done.stderr}`.trim();
  return output.slice(Math.max(output.indexOf("✖ failing tests:"), 0));
}

if (import.meta.main) {
  process.exitCode = (await check(console.log)) ? 0 : 1;
}
