import { parseArgs } from "node:util";
import { createNarrator } from "./demo/narrator.ts";
import { openStage } from "./demo/stage.ts";
import { play } from "./demo/story.ts";
import { ToolError } from "./tools/run.ts";

/** `npm run demo [-- --keep]`: the main job on real parts, told step by step. Exit status 1 when a request failed or came unfiltered. */
const { values } = parseArgs({ options: { keep: { type: "boolean", default: false } } });

try {
  const narrator = createNarrator((line) => console.log(line));
  const stage = await openStage(narrator);
  try {
    const passed = await play(stage, narrator);
    if (!passed) process.exitCode = 1;
    if (values.keep) await keep(stage.describe());
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
