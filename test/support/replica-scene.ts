import { join } from "node:path";
import type { WasmFilter, WasmFilterSpec } from "../../model/gen/wasmfilter.ts";
import { pushModule } from "../../oci/index.ts";
import { startBalancer } from "./balancer.ts";
import { localBootstrap } from "./bootstrap.ts";
import { type Cluster, installCrds, kubectl, startCluster } from "./cluster.ts";
import { startEchoApp } from "./echo-app.ts";
import { type Envoy, startEnvoy } from "./envoy.ts";
import { type Fault, faultyFilter } from "./faulty.ts";
import { reservePort } from "./ports.ts";
import { eventually } from "./process.ts";
import { startRegistry } from "./registry.ts";
import { createTempFolder } from "./temp-folder.ts";
import { get } from "./traffic.ts";
import { startWeir, type Weir } from "./weir.ts";

/** The filter of the scene, in namespace `shop`. */
export const FILTER = "rolling";

/** The operator's own namespace, whose filters reach the proxies of every other. */
export const OWN_NAMESPACE = "weir-system";

/** What every replica of a Weir is started with, beside its peers. */
export const REPLICA_FLAGS = ["--key-store", "secret", "--own-namespace", OWN_NAMESPACE, "--lease", "weir", "--allow-address", "127.0.0.1"];

export interface ReplicaProxy {
  readonly node: string;
  readonly envoy: Envoy;
  readonly port: number;
  /** What its answers are marked with; "": nothing, or no answer of 200. */
  mark(): Promise<string>;
}

/** Fields of a spec; `undefined`: not there any more. */
export type Change = { readonly [K in keyof WasmFilterSpec]?: WasmFilterSpec[K] | undefined };

/** Several `weir serve` of one Weir on a real API server, Envoys on each of them, and modules to roll out. */
export interface ReplicaScene {
  readonly cluster: Cluster;
  readonly servers: readonly Weir[];
  /** By the server that they connect to. */
  readonly proxies: readonly (readonly ReplicaProxy[])[];
  /** Makes an image whose module marks answers with this, and asks for it in the filter's spec; gives its digest. */
  release(mark: string, more?: Change, fault?: Fault): Promise<string>;
  /** Changes the filter's spec. */
  patch(spec: Change): Promise<void>;
  /** The object as the API server has it. */
  filter(): Promise<WasmFilter>;
  until(what: string, check: (filter: WasmFilter) => boolean, timeoutMs?: number): Promise<WasmFilter>;
  /** Index of the server that holds the Lease and says so; `undefined`: none. */
  leader(): Promise<number | undefined>;
  /** One more Envoy, on the server with this index; not waited for. The caller stops it. */
  addProxy(node: string, server: number): Promise<ReplicaProxy>;
  /** Waits until every Envoy of these servers (default: of all) answers with this mark. */
  allAnswer(mark: string, servers?: readonly number[]): Promise<void>;
  stop(): Promise<void>;
}

export interface ReplicaSceneOptions {
  readonly replicas: number;
  /** Envoys of each server. */
  readonly proxies: number;
  /** True: Envoys are led to whichever server is there, as by a Service. */
  readonly balanced?: boolean;
  /** What the names of the Envoys begin with. Default `web`. */
  readonly prefix?: string;
  /** Added to the environment of the servers. */
  readonly env?: Readonly<Record<string, string>>;
}

export async function startReplicaScene({
  replicas,
  proxies: count,
  balanced = false,
  prefix = "web",
  env = {},
}: ReplicaSceneOptions): Promise<ReplicaScene> {
  const open: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const close of open.reverse()) await close();
  };
  try {
    const folder = await createTempFolder("replicas");
    open.push(folder.remove);
    const [cluster, registry, app] = await Promise.all([startCluster(), startRegistry(), startEchoApp()]);
    open.push(cluster.stop, registry.stop, app.stop);
    await installCrds(cluster);
    for (const namespace of ["shop", OWN_NAMESPACE]) await kubectl(["create", "namespace", namespace], cluster);
    const ports: number[] = [];
    for (let index = 0; index < replicas; index++) ports.push(await reservePort());
    const peers = ports.flatMap((port) => ["--peer", `127.0.0.1:${port}`]);
    const servers: Weir[] = [];
    for (let index = 0; index < replicas; index++) {
      const data = join(folder.path, `data-${index}`);
      const server = await startWeir({
        source: ["--kubeconfig", cluster.kubeconfig],
        data,
        env,
        flags: [...REPLICA_FLAGS, ...peers, "--peer-address", `127.0.0.1:${ports[index]}`],
      });
      open.push(server.stop);
      servers.push(server);
    }
    const apply = (spec: unknown) =>
      kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], { ...cluster, input: JSON.stringify(manifestOf(spec)) });
    const scene = sceneOf(cluster, servers, apply, registry.host);
    const balancer = balanced ? await startBalancer(servers.map(({ xdsPort }) => xdsPort)) : undefined;
    if (balancer !== undefined) open.push(balancer.stop);
    const proxies: ReplicaProxy[][] = [];
    for (const [index, server] of servers.entries()) {
      proxies.push([]);
      for (let i = 0; i < count; i++) {
        const proxy = await startProxy(`${prefix}-${index}-${i}`, balancer?.port ?? server.xdsPort, app.port);
        open.push(proxy.envoy.stop);
        proxies[index]?.push(proxy);
      }
    }
    const addProxy = (node: string, index: number) => startProxy(node, servers[index]?.xdsPort ?? 0, app.port);
    return { cluster, servers, proxies, stop, ...scene, addProxy, allAnswer: (mark, of) => allAnswer(proxies, mark, of) };
  } catch (error) {
    await stop();
    throw error;
  }
}

function manifestOf(spec: unknown) {
  return { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: FILTER, namespace: "shop" }, spec };
}

type Parts = Pick<ReplicaScene, "release" | "patch" | "filter" | "until" | "leader">;

function sceneOf(cluster: Cluster, servers: readonly Weir[], apply: (spec: unknown) => Promise<string>, host: string): Parts {
  let spec: Change = {};
  const filter = async () => JSON.parse(await kubectl(["-n", "shop", "get", "wf", FILTER, "-o", "json"], cluster)) as WasmFilter;
  return {
    filter,
    async patch(change) {
      spec = { ...spec, ...change };
      await apply(spec);
    },
    async release(mark, more = {}, fault = "good") {
      const image = `${host}/filters/rolling:${mark}`;
      const pushed = await pushModule(image, await faultyFilter(fault, mark), { keychain: new Map() });
      if (!pushed.ok) throw new Error(pushed.error.message);
      spec = { rollout: { steps: [{ percent: 100 }] }, ...spec, image, ...more };
      await apply(spec);
      return pushed.value.digest;
    },
    async until(what, check, timeoutMs = 60_000) {
      let last: WasmFilter | undefined;
      const seen = async () => {
        last = await filter();
        return check(last) ? last : undefined;
      };
      return eventually(what, seen, timeoutMs).catch(async (error: Error) => {
        const told = await Promise.all(servers.map(async (server, index) => `--- server ${index}\n${await tellOf(server)}`));
        throw new Error(`${error.message}\n${JSON.stringify(last?.status, null, 1)}\n${told.join("\n")}`);
      });
    },
    async leader() {
      const found = await kubectl(["-n", OWN_NAMESPACE, "get", "lease", "weir", "-o", "jsonpath={.spec.holderIdentity}"], cluster);
      const says = (line: string) => line.includes("this replica decides") && line.includes(`replica=${found}`);
      const index = servers.findIndex((server) => server.logs().split("\n").some(says));
      return found === "" || index < 0 ? undefined : index;
    },
  };
}

/** What a server shows of the proxies, and the end of its log. */
async function tellOf(server: Weir): Promise<string> {
  const proxies = await server.proxies().catch((error: Error) => error.message);
  return `${JSON.stringify(proxies)}\n${server.logs().slice(-3_000)}`;
}

async function allAnswer(proxies: ReplicaScene["proxies"], mark: string, of: readonly number[] = [...proxies.keys()]): Promise<void> {
  let last: string[] = [];
  const seen = async () => {
    last = await Promise.all(of.flatMap((index) => proxies[index] ?? []).map(async (proxy) => `${proxy.node}=${await proxy.mark()}`));
    return last.every((each) => each.endsWith(`=${mark}`));
  };
  await eventually(`every Envoy to answer with ${mark}`, seen, 60_000).catch((error: Error) => {
    throw new Error(`${error.message}: ${last.join(" ")}`);
  });
}

async function startProxy(node: string, xdsPort: number, upstream: number): Promise<ReplicaProxy> {
  const config = localBootstrap({ node, namespace: "shop", xdsPort, appPort: upstream });
  const envoy = await startEnvoy({ config, log: "warning", concurrency: 1 });
  const port = await envoy.port();
  const mark = async () => {
    const { status, headers } = await get(port);
    return status === 200 ? String(headers["x-weir"] ?? "") : `status ${status}`;
  };
  return { node, envoy, port, mark };
}
