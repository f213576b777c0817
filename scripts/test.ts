import { spawn } from "node:child_process";
import { buildExamples } from "./build-examples.ts";
import { check } from "./check.ts";
import { installTools } from "./install-tools.ts";
import { ToolError } from "./tools/run.ts";

/**
 * Every check and every test: the static checks, then the real parts that the tests need, then all tests in one run of node's test runner, whose summary
 * comes last. Exit status 0 when all pass, 1 when one does not, or the machine lacks a tool.
 */
const ALL_TESTS = ["{model,base,operator,oci,preflight,xds,cli,hub,scripts,bench}/**/*.test.ts", "test/**/*.test.ts"];
/** Files at a time. Each may run Envoys of its own, and waits for what they do. */
const CONCURRENCY = 2;
/** For one file; no test comes near it unless something hangs. */
const FILE_MS = 10 * 60_000;
/** For all of them. */
const TOTAL_MS = 30 * 60_000;

async function main(): Promise<number> {
  if (!(await check(console.log, { unitTests: false }))) return 1;
  await installTools(console.log);
  await buildExamples();
  const flags = ["--test", `--test-concurrency=${CONCURRENCY}`, `--test-timeout=${FILE_MS}`, "--test-reporter=spec"];
  const child = spawn(process.execPath, [...flags, ...ALL_TESTS], { cwd: new URL("../", import.meta.url).pathname, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  const timer = setTimeout(() => {
    console.error(`the tests did not end within ${TOTAL_MS / 60_000} minutes`);
    child.kill("SIGTERM");
  }, TOTAL_MS);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearTimeout(timer);
  return code ?? 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof ToolError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
