import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Kubernetes, lacksForNode, startKubernetes } from "../../../test/support/kubernetes/index.ts";
import { type Load, startLoad } from "../../../test/support/kubernetes/load.ts";
import { namespace } from "../../../test/support/kubernetes/pods.ts";
import { CHART, chartValues, type SharedRegistry, startSharedRegistry } from "../../../test/support/kubernetes/weir.ts";
import { weir } from "../../../test/support/weir.ts";
import { buildExamples, type Examples } from "../../build-examples.ts";
import { ROOT } from "../../tests/files.ts";
import { ToolError } from "../../tools/run.ts";
import type { Narrator } from "../narrator.ts";

export const RELEASE = ["weir", "-n", "weir-system"] as const;

/** A cluster with nothing in it, a registry that its pods reach, and the tools of a person at a terminal. */
export interface Stage {
  readonly cluster: Kubernetes;
  readonly registry: SharedRegistry;
  readonly examples: Examples;
  /** Runs a command as it is typed, and tells it. Gives what it printed. */
  kubectl(args: readonly string[]): Promise<string>;
  /** `kubectl apply -f FILE`, with this text in the file. */
  apply(file: string, text: string): Promise<string>;
  helm(args: readonly string[]): Promise<string>;
  weir(args: readonly string[]): Promise<string>;
  /** Flags of helm that say where the images and the registry of this stage are. */
  readonly values: readonly string[];
  /** Requests from a pod of another namespace. */
  startVisitor(): Promise<Load>;
  close(): Promise<void>;
}

/** Throws a ToolError where the machine cannot run a node. */
export async function openStage(narrator: Narrator): Promise<Stage> {
  const lacks = await lacksForNode();
  if (lacks !== undefined) throw new ToolError(`the demo in a cluster ${lacks}`);
  narrator.step("Getting ready: an empty Kubernetes with one node, the images, the example filters, a registry");
  const examples = await buildExamples();
  const cluster = await startKubernetes({ images: ["weir", "envoy"] });
  const parts: { stop(): Promise<unknown> }[] = [cluster];
  const close = async () => {
    for (const part of parts.reverse()) await part.stop();
  };
  try {
    for (const [what, ms] of cluster.times) narrator.say(`${what}: ${(ms / 1000).toFixed(1)} s`);
    const registry = await startSharedRegistry(cluster);
    parts.push(registry.registry);
    const folder = join(ROOT, ".weir", "demo-cluster");
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "v1.wasm"), await readFile(examples.addHeaderAs.v1));
    await writeFile(join(folder, "v2.wasm"), await readFile(examples.addHeaderAs.v2));
    return {
      ...{ cluster, registry, examples, close },
      values: await chartValues(cluster, registry.host),
      kubectl(args) {
        narrator.command(`kubectl ${args.join(" ")}`);
        return cluster.kubectl(args);
      },
      apply(file, text) {
        narrator.command(`kubectl apply -f ${file}`);
        return cluster.kubectl(["apply", "-f", "-"], text);
      },
      helm(args) {
        narrator.command(`helm ${args.join(" ").replace(CHART, "charts/weir")}`);
        return cluster.helm(args);
      },
      weir(args) {
        narrator.command(`weir ${args.join(" ")}`);
        return weir(args, { cwd: folder, env: { KUBECONFIG: cluster.kubeconfig } });
      },
      async startVisitor() {
        await cluster.apply(namespace("visitors"));
        return startLoad(cluster, { namespace: "visitors", url: "http://web.shop/" });
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
