import { runDemo } from "./demo/run.ts";
import { openStage } from "./demo/stage.ts";
import { play } from "./demo/story.ts";

/** `npm run demo [-- --keep]`: the main job on real parts, told step by step. Exit status 1 when a request failed or came unfiltered. */
await runDemo({ open: openStage, play, describe: (stage) => stage.describe() });
