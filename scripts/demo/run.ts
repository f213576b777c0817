import { parseArgs } from "node:util";
import { ToolError } from "../tools/run.ts";
import { createNarrator, type Narrator } from "./narrator.ts";

export interface Demo<Stage> {
  open(narrator: Narrator): Promise<Stage>;
  /** Gives false when a request failed or came unfiltered. */
  play(stage: Stage, narrator: Narrator): Promise<boolean>;
  /** How to look around, for who keeps it. */
  describe(stage: Stage): string;
}

/** Plays a demo to the screen. `--keep` leaves everything running until Ctrl-C. Exit status 1 when it did not pass, or when the machine lacks something. */
export async function runDemo<Stage extends { close(): Promise<void> }>({ open, play, describe }: Demo<Stage>): Promise<void> {
  const { values } = parseArgs({ options: { keep: { type: "boolean", default: false } } });
  try {
    const narrator = createNarrator((line) => console.log(line));
    const stage = await open(narrator);
    try {
      if (!(await play(stage, narrator))) process.exitCode = 1;
      if (values.keep) await keep(describe(stage));
    } finally {
      await stage.close();
    }
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

async function keep(description: string): Promise<void> {
  console.log(`\n${description}\nCtrl-C ends it.`);
  const timer = setInterval(() => {}, 60_000);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  clearInterval(timer);
}
