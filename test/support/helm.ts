import { join } from "node:path";
import { installGoTool } from "../../scripts/tools/go.ts";
import { type Finished, run } from "../../scripts/tools/run.ts";

/** Runs the real helm, with nothing of this machine's settings. Resolves whatever the exit status. `home` is a folder for its caches. */
export async function helm(args: readonly string[], options: { readonly home: string; readonly kubeconfig?: string }): Promise<Finished> {
  const { home, kubeconfig = join(home, "no-kubeconfig") } = options;
  const env = {
    ...{ HELM_CACHE_HOME: join(home, "cache"), HELM_CONFIG_HOME: join(home, "config"), HELM_DATA_HOME: join(home, "data") },
    KUBECONFIG: kubeconfig,
  };
  return run(await installGoTool("helm"), args, { env, timeoutMs: 120_000 });
}

/** As `helm`, but an exit status other than 0 throws with its words. Gives its standard output. */
export async function helmOk(args: readonly string[], options: { readonly home: string; readonly kubeconfig?: string }): Promise<string> {
  const done = await helm(args, options);
  if (done.code !== 0) throw new Error(`helm ${args.join(" ")}: ${done.stderr.trim()}`);
  return done.stdout;
}
