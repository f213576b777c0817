import { parseArgs } from "node:util";
import { openStage } from "./demo/cluster/stage.ts";
import { play } from "./demo/cluster/story.ts";
import { createNarrator } from "./demo/narrator.ts";
import { ToolError } from "./tools/run.ts";

/** `npm run demo:cluster [-- --keep]`: from an empty Kubernetes to an uninstalled Weir, told step by step. Exit status 1 when a request failed or came unfiltered. */
const { values } = parseArgs({ options: { keep: { type: "boolean", default: false } } });

try {
  const narrator = createNarrator((line) => console.log(line));
  const stage = await openStage(narrator);
  try {
    const totals = await play(stage, narrator);
    for (const failure of totals.failures) narrator.say(`failed: ${failure}`);
    narrator.conclude(`${totals.requests} requests: ${totals.failed} failed, ${totals.unfiltered} unfiltered.`);
    if (totals.failed > 0 || totals.unfiltered > 0) process.exitCode = 1;
    if (values.keep) await keep(`export KUBECONFIG=${stage.cluster.kubeconfig}`);
  } finally {
    await stage.close();
  }
} catch (error) {
  if (!(error instanceof ToolError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

/** Leaves everything running until Ctrl-C. */
async function keep(description: string): Promise<void> {
  console.log(`\n${description}\nCtrl-C ends it.`);
  const timer = setInterval(() => {}, 60_000);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  clearInterval(timer);
}
