import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Finished, RunOptions } from "../../../scripts/tools/run.ts";
import { eventually, type Process, type ProcessOptions } from "../process.ts";
import { createTempFolder } from "../temp-folder.ts";
import { createCgroup } from "./cgroups.ts";
import { type Client, createClient } from "./client.ts";
import { API_PORT, type ControlPlaneOptions, startControllers, startControlPlane } from "./control-plane.ts";
import { createLoader, type ImageName, type Loader } from "./images.ts";
import { createNamespaces, type Namespaces, NODE_ADDRESS } from "./namespaces.ts";
import { createNetwork, type Network } from "./network.ts";
import { ctr, dnsObjects, NODE_NAME, nodeEnvironment, startContainerd, startNode } from "./node.ts";

export { lacksForNode } from "../../../scripts/tools/node-machine.ts";
export { IMAGE_NAMES, type ImageName } from "./images.ts";
export { NODE_ADDRESS } from "./namespaces.ts";

/**
 * A real Kubernetes with one node, in namespaces of its own: etcd, API server, controllers, scheduler, kubelet, containerd, kube-proxy, CoreDNS. It leaves nothing on
 * the machine, and several run at once. Needs root; `lacksForNode` says why a machine cannot run it.
 */
export interface Kubernetes extends Client, Omit<Network, "close"> {
  /** An administrator's, for a process in the namespaces (`run`, `start`). */
  readonly kubeconfigInside: string;
  /** How long each step of the start took, in ms. */
  readonly times: ReadonlyMap<string, number>;
  /** Brings images to the node, for `imagePullPolicy: Never`. */
  readonly load: Loader;
  /** Runs a command on the node: its network is the pods', 192.0.2.2 and loopback are the node's. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<Finished>;
  /** Starts a process on the node: a webhook at `https://127.0.0.1:PORT` for the API server, a server at 192.0.2.2 for pods. */
  start(command: string, args: readonly string[], options?: ProcessOptions): Promise<Process>;
  /** Ends a container's processes at once, as the kernel does for memory. `id`: `containerID` of its status. */
  killContainer(id: string): Promise<void>;
  /** Runs a command of the node in the network namespace of a container's pod. Throws with its stderr when it fails. */
  runInNetworkOf(id: string, command: string, args: readonly string[]): Promise<string>;
  /** The processes of the cluster itself, by name: to stop one, or read its logs. */
  readonly processes: ReadonlyMap<string, Process>;
  /** Stops the API server at once; `restartServer` brings it back. */
  stopServer(): Promise<void>;
  /** Stops the API server and starts it again, with what etcd holds. */
  restartServer(): Promise<void>;
  /** The last lines of each of its processes. */
  logs(): string;
  stop(): Promise<void>;
}

export interface KubernetesOptions {
  readonly featureGates?: Readonly<Record<string, boolean>>;
  /** `group/version/resource` of APIs that are off by default. */
  readonly apis?: readonly string[];
  /** Images that the node has from the start; `app` and what pods hold open are always there. */
  readonly images?: readonly ImageName[];
}

/** What turns on PodCertificateRequest and ClusterTrustBundle, which are off by default before Kubernetes 1.37. */
export const POD_CERTIFICATES: KubernetesOptions = {
  featureGates: { PodCertificateRequest: true, ClusterTrustBundle: true, ClusterTrustBundleProjection: true },
  apis: ["certificates.k8s.io/v1beta1/podcertificaterequests", "certificates.k8s.io/v1beta1/clustertrustbundles"],
};

let started = 0;

/** Starts the cluster and waits until its node is ready: about 6 s, and the time to build what was never built on this machine. */
export async function startKubernetes(options: KubernetesOptions = {}): Promise<Kubernetes> {
  const { featureGates = {}, apis = [], images = [] } = options;
  const begin = performance.now();
  const [folder, cgroup] = [await createFolder(), await createCgroup(started++)];
  const namespaces = await createNamespaces();
  const network = createNetwork(namespaces, folder.path);
  const times = new Map<string, number>();
  const timed = async <T>(what: string, work: Promise<T>): Promise<T> => {
    const start = performance.now();
    const done = await work;
    times.set(what, performance.now() - start);
    return done;
  };
  const stop = async () => {
    network.close();
    await namespaces.stop();
    await cgroup.remove();
    await folder.remove();
  };
  try {
    const planeOptions: ControlPlaneOptions = { namespaces, folder: folder.path, featureGates, apis };
    const load = createLoader(namespaces, folder.path);
    const [plane, containerd] = await Promise.all([
      timed("etcd and API server", startControlPlane(planeOptions)),
      timed("containerd and images", startRuntime({ namespaces, folder: folder.path }, load, images)),
    ]);
    plane.processes.set("containerd", containerd);
    const client = await createClient(plane, folder.path, await network.forward(NODE_ADDRESS, API_PORT));
    const ready = () => eventually("the API server", async () => (await client.kubectl(["get", "--raw", "/readyz"])) === "ok", 60_000, 100);
    await timed("API server ready", ready());
    await startControllers(planeOptions, plane);
    await startNode({ namespaces, folder: folder.path, cgroup: cgroup.path, featureGates }, plane);
    await client.apply(...dnsObjects);
    await timed("node ready", untilReady(client));
    times.set("all", performance.now() - begin);
    const stopServer = async () => void (await plane.processes.get("kube-apiserver")?.kill());
    const restartServer = async () => {
      await stopServer();
      await plane.startServer();
      await ready();
    };
    const logs = () => [...plane.processes].map(([name, process]) => `--- ${name}\n${process.logs().slice(-4_000)}`).join("\n");
    const kubeconfigInside = await plane.kubeconfig("admin");
    const { run, start } = namespaces;
    const killContainer = async (id: string) =>
      void (await ctr(namespaces, ["tasks", "kill", "--signal", "KILL", id.replace("containerd://", "")]));
    return {
      ...client,
      ...network,
      kubeconfigInside,
      times,
      load,
      run,
      start,
      killContainer,
      runInNetworkOf: (id, command, args) => runInNetworkOf(namespaces, id, command, args),
      processes: plane.processes,
      stopServer,
      restartServer,
      logs,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function runInNetworkOf(namespaces: Namespaces, id: string, command: string, args: readonly string[]): Promise<string> {
  const env = await nodeEnvironment();
  const tasks = await ctr(namespaces, ["tasks", "ls"]);
  const pid = tasks
    .split("\n")
    .map((line) => line.split(/\s+/))
    .find(([container]) => container === id.replace("containerd://", ""))?.[1];
  if (pid === undefined) throw new Error(`container ${id} does not run`);
  const done = await namespaces.run("nsenter", ["--target", pid, "--net", "--", command, ...args], { env });
  if (done.code !== 0) throw new Error(`${command} ${args.join(" ")}: ${done.stderr.trim()}`);
  return done.stdout;
}

/** A folder that goes with this process; those of processes that were killed go now. */
async function createFolder(): ReturnType<typeof createTempFolder> {
  for (const name of await readdir(tmpdir())) {
    const pid = /^weir-kubernetes-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
  return createTempFolder(`kubernetes-${process.pid}`);
}

async function startRuntime(where: Parameters<typeof startContainerd>[0], load: Loader, images: readonly ImageName[]): Promise<Process> {
  const containerd = await startContainerd(where);
  for (const name of ["pause", "app", ...images] as const) await load.image(name);
  return containerd;
}

/** The node takes pods, and a pod's account has its token: what the first pod of a test needs. */
async function untilReady({ kubectl }: Client): Promise<void> {
  const path = `jsonpath={.status.conditions[?(@.type=="Ready")].status}`;
  await eventually("the node", async () => (await kubectl(["get", "node", NODE_NAME, "-o", path])) === "True", 60_000, 100);
  await eventually("the default account", () => kubectl(["get", "serviceaccount", "default", "-o", "name"]), 30_000, 100);
}
