import { openStage } from "./demo/cluster/stage.ts";
import { play } from "./demo/cluster/story.ts";
import { runDemo } from "./demo/run.ts";

/** `npm run demo:cluster [-- --keep]`: from an empty Kubernetes to an uninstalled Weir, told step by step. Exit status 1 when a request failed or came unfiltered. */
await runDemo({
  open: openStage,
  async play(stage, narrator) {
    const { requests, failed, unfiltered, failures } = await play(stage, narrator);
    for (const failure of failures) narrator.say(`failed: ${failure}`);
    narrator.conclude(`${requests} requests: ${failed} failed, ${unfiltered} unfiltered.`);
    return failed === 0 && unfiltered === 0;
  },
  describe: (stage) => `export KUBECONFIG=${stage.cluster.kubeconfig}`,
});
