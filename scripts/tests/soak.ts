import { cpus } from "node:os";
import { join } from "node:path";
import { envoyVersion, installEnvoy } from "../tools/envoy.ts";
import { commitNow } from "./commit.ts";
import { writeResult } from "./results.ts";
import type { TestRun } from "./run.ts";

/** How often `npm run test:soak` does what `npm test` does a few times. */
export const SOAK = { rollouts: 100, kills: 50, attackMs: 300_000, replicaSeconds: 300, spreadSeconds: 120 } as const;
const SOAK_FILES = [
  "test/rollout-envoys.test.ts",
  "test/rollout-kill.test.ts",
  "test/two-tenants.test.ts",
  "test/cluster-replicas.test.ts",
  "test/cluster-replicas-scale.test.ts",
];

/** Those of `SOAK_FILES` whose path has this text; all without one. */
export function soakFiles(part = ""): string[] {
  return SOAK_FILES.filter((file) => file.includes(part));
}

/**
 * Writes the figures of a soak run to `test/results/soak-DATE-COMMIT.json` and returns that path. Commit the file with the change that it is about.
 * A commit that ends in `+` means: with changes that were not committed.
 */
export async function writeSoak({ passed, figures }: TestRun, seconds: number, now: Date): Promise<string> {
  const date = now.toISOString().slice(0, 10);
  const commit = await commitNow();
  const path = join("test", "results", `soak-${date}-${commit.replace("+", "-changed")}.json`);
  const machine = `${cpus().length} cores, ${process.platform} ${process.arch}`;
  const parts = { node: process.version, envoy: await envoyVersion(await installEnvoy()) };
  const byTest = Object.groupBy(figures, ({ file, test }) => `${file}: ${test}`);
  const told = Object.fromEntries(Object.entries(byTest).map(([name, list = []]) => [name, list.map(({ figure }) => figure)]));
  const result = { date, commit, machine, ...parts, ...SOAK, passed, seconds: Math.round(seconds), figures: told };
  await writeResult(path, result);
  return path;
}
