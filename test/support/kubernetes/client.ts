import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installGoTool } from "../../../scripts/tools/go.ts";
import { run } from "../../../scripts/tools/run.ts";
import { startProcess } from "../process.ts";
import { type ControlPlane, kubeconfigText } from "./control-plane.ts";

/** How long kubectl and helm may take, waits of theirs included. */
const LONGEST_MS = 300_000;

/** What a test asks of the cluster's API. */
export interface Client {
  /** An administrator's, for this process and what it starts: the API server by a port of this machine's loopback. */
  readonly kubeconfig: string;
  /** Runs kubectl. Throws with its stderr when it fails. `input` is its stdin: text, an object, or several. */
  kubectl(args: readonly string[], input?: string | object | readonly object[]): Promise<string>;
  /** What `kubectl get` prints as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: an object of any kind
  get<T = any>(args: readonly string[]): Promise<T>;
  /** Creates or changes these objects. */
  apply(...objects: readonly object[]): Promise<void>;
  /** Runs helm. Throws with its stderr when it fails. */
  helm(args: readonly string[], input?: string): Promise<string>;
  /** Starts `kubectl port-forward` to a port of a pod (`["pod/web-1", "-n", "shop"]`), its loopback too. Gives the local port. It ends with the cluster. */
  portForward(pod: readonly string[], port: number): Promise<number>;
  /** Runs a command in a pod's container: `exec(["web-1", "-n", "shop"], ["cat", "/x"])`. Throws with its stderr when it fails. */
  exec(pod: readonly string[], command: readonly string[]): Promise<string>;
}

/** kubectl and helm against the API server at a port of this machine's loopback. */
export async function createClient(plane: ControlPlane, folder: string, port: number): Promise<Client> {
  const kubeconfig = join(folder, "outside.kubeconfig");
  await writeFile(kubeconfig, kubeconfigText(`https://127.0.0.1:${port}`, plane.certificate, plane.tokens.admin), { mode: 0o600 });
  const tool = async (name: "kubectl" | "helm", args: readonly string[], input?: string) => {
    const env = {
      KUBECONFIG: kubeconfig,
      KUBECACHEDIR: join(folder, "kubectl-cache"),
      HELM_CACHE_HOME: join(folder, "helm"),
      HELM_CONFIG_HOME: join(folder, "helm"),
      HELM_DATA_HOME: join(folder, "helm"),
    };
    const done = await run(await installGoTool(name), args, { env, timeoutMs: LONGEST_MS, input });
    if (done.code !== 0) throw new Error(`${name} ${args.join(" ")}: ${done.stderr.trim()}`);
    return done.stdout;
  };
  const kubectl = (args: readonly string[], input?: string | object | readonly object[]) =>
    tool(
      "kubectl",
      args,
      input === undefined || typeof input === "string" ? input : JSON.stringify(Array.isArray(input) ? listOf(input) : input),
    );
  return {
    kubeconfig,
    kubectl,
    get: async <T>(args: readonly string[]) => JSON.parse(await kubectl(["get", ...args, "-o", "json"])) as T,
    apply: async (...objects: readonly object[]) =>
      void (await kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], objects)),
    helm: (args: readonly string[], input?: string) => tool("helm", args, input),
    async portForward(pod, port) {
      const forward = await startProcess(await installGoTool("kubectl"), ["port-forward", ...pod, `:${port}`], {
        env: { KUBECONFIG: kubeconfig },
      });
      return Number(await forward.waitFor("a local port", (logs) => /Forwarding from 127\.0\.0\.1:(\d+)/.exec(logs)?.[1]));
    },
    exec: (pod: readonly string[], command: readonly string[]) => kubectl(["exec", ...pod, "--", ...command]),
  };
}

const listOf = (items: readonly object[]): object => ({ apiVersion: "v1", kind: "List", items });
