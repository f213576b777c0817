import { availableParallelism } from "node:os";
import { buildExamples } from "./build-examples.ts";
import { check } from "./check.ts";
import { buildHello } from "./examples/hello.ts";
import { installTools } from "./install-tools.ts";
import { COMPILE_CACHE, type Group, groupOf, type Kind, testFiles } from "./tests/files.ts";
import { type RunOptions, runTests } from "./tests/run.ts";
import { SOAK, soakFiles, writeSoak } from "./tests/soak.ts";
import { ToolError } from "./tools/run.ts";

/**
 * `node scripts/test.ts [unit|e2e|soak [PART]]`, PART of the paths of the soak's files. Without an argument: every check (the unit tests are one of them), then every test on real parts. Each file runs once. Exit status 0 when all pass, 1 when one does not, or the machine lacks a tool.
 */
const MINUTE_MS = 60_000;
const LIMITS: Readonly<Record<Exclude<Kind, "e2e"> | Group | "soak", RunOptions>> = {
  unit: { concurrency: availableParallelism(), testMs: MINUTE_MS / 2, totalMs: 10 * MINUTE_MS },
  // Each file may run Envoys of its own, and waits for what they do.
  together: { concurrency: 2, testMs: 5 * MINUTE_MS, totalMs: 60 * MINUTE_MS },
  alone: { concurrency: 1, testMs: 5 * MINUTE_MS, totalMs: 20 * MINUTE_MS },
  // Two at a time: they wait for a kubelet more than they compute.
  cluster: { concurrency: 2, testMs: 5 * MINUTE_MS, totalMs: 30 * MINUTE_MS },
  soak: { concurrency: 1, testMs: 40 * MINUTE_MS, totalMs: 60 * MINUTE_MS },
};

async function main(what: string, part?: string): Promise<boolean> {
  switch (what) {
    case "unit":
      process.env.NODE_COMPILE_CACHE = COMPILE_CACHE;
      return (await runTests(await testFiles("unit"), LIMITS.unit)).passed;
    case "e2e":
      return endToEnd();
    case "soak":
      return soak(soakFiles(part));
    case "all":
      return (await check(console.log)) && (await endToEnd());
    default:
      throw new ToolError(`node scripts/test.ts [unit|e2e|soak [PART]], not "${what}"`);
  }
}

async function endToEnd(): Promise<boolean> {
  await installTools(console.log);
  await buildExamples();
  await buildHello();
  const groups = Object.groupBy(await testFiles("e2e"), groupOf);
  let passed = true;
  for (const group of ["together", "alone", "cluster"] as const) {
    const done = await runTests(groups[group] ?? [], LIMITS[group]);
    if (done.stopped) return false;
    passed &&= done.passed;
  }
  return passed;
}

async function soak(files: readonly string[]): Promise<boolean> {
  if (files.length === 0) throw new ToolError("no file of the soak has that in its path; scripts/tests/soak.ts lists them");
  await installTools(console.log);
  const { rollouts, kills, attackMs, replicaSeconds, spreadSeconds } = SOAK;
  Object.assign(process.env, { WEIR_ROLLOUTS: `${rollouts}`, WEIR_KILLS: `${kills}`, WEIR_ATTACK_MS: `${attackMs}` });
  Object.assign(process.env, { WEIR_CLUSTER_KILL_SECONDS: `${replicaSeconds}`, WEIR_CLUSTER_SPREAD_SECONDS: `${spreadSeconds}` });
  const start = performance.now();
  const done = await runTests(files, LIMITS.soak);
  const path = await writeSoak(done, (performance.now() - start) / 1000, new Date());
  console.log(`\nkept in ${path}`);
  return done.passed;
}

try {
  process.exitCode = (await main(process.argv[2] ?? "all", process.argv[3])) ? 0 : 1;
} catch (error) {
  if (!(error instanceof ToolError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
