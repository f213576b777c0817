import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Cluster } from "../cluster.ts";
import { reservePort } from "../ports.ts";
import { REPLICA_FLAGS } from "../replica-scene.ts";
import { startTcpProxy, type TcpProxy } from "../tcp-proxy.ts";
import { startWeir, type Weir } from "../weir.ts";
import type { Traffic } from "./light-proxy.ts";

export const REPLICAS = 3;

/** A replica, and what it exchanges with everybody else, all of which goes through relays or comes to light proxies. */
export interface MeteredReplica {
  readonly weir: Weir;
  readonly toApi: TcpProxy;
  /** Its calls to the others, by their index. */
  readonly calls: ReadonlyMap<number, TcpProxy>;
  readonly proxies: Traffic;
}

export interface ReplicasOptions {
  /** For their data. */
  readonly folder: string;
  /** What was started is added: how it is stopped. */
  readonly open: (() => Promise<unknown>)[];
}

/** Each replica reaches the API server and every peer by a relay of its own. */
export async function startReplicas(cluster: Cluster, { folder, open }: ReplicasOptions): Promise<MeteredReplica[]> {
  const relay = async (target: number) => {
    const started = await startTcpProxy(target);
    open.push(started.stop);
    return started;
  };
  const ports: number[] = [];
  for (let index = 0; index < REPLICAS; index++) ports.push(await reservePort());
  const kubeconfig = await readFile(cluster.kubeconfig, "utf8");
  const apiPort = Number(new URL(cluster.server).port);
  const replicas: MeteredReplica[] = [];
  for (let index = 0; index < REPLICAS; index++) {
    const toApi = await relay(apiPort);
    const calls = new Map<number, TcpProxy>();
    for (const [other, port] of ports.entries()) if (other !== index) calls.set(other, await relay(port));
    const own = join(folder, `kubeconfig-${index}`);
    await writeFile(own, kubeconfig.replaceAll(`127.0.0.1:${apiPort}`, `127.0.0.1:${toApi.port}`), { mode: 0o600 });
    const peers = Array.from(calls.values(), ({ port }) => ["--peer", `127.0.0.1:${port}`]).flat();
    const weir = await startWeir({
      source: ["--kubeconfig", own],
      data: join(folder, `data-${index}`),
      flags: [...REPLICA_FLAGS, ...peers, "--peer-address", `127.0.0.1:${ports[index]}`],
    });
    open.push(weir.stop);
    replicas.push({ weir, toApi, calls, proxies: { bytes: 0, responses: 0, ended: 0 } });
  }
  return replicas;
}
