import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import type { WasmFilter } from "../../../model/gen/wasmfilter.ts";
import { pushModule } from "../../../oci/index.ts";
import { eventually } from "../process.ts";
import { type Registry, startRegistry } from "../registry.ts";
import type { Kubernetes } from "./index.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
export const CHART = join(ROOT, "charts/weir");
const REGISTRY_PORT = 5000;

/** A registry that this process and the operator reach, each by its own address. */
export interface SharedRegistry {
  /** As it stands in a WasmFilter: `192.0.2.2:5000`. */
  readonly host: string;
  readonly registry: Registry;
  /** Pushes a module as `NAME:TAG`. Gives the reference for a WasmFilter, and the digest. */
  push(nameAndTag: string, module: Uint8Array): Promise<{ readonly image: string; readonly digest: string }>;
}

export async function startSharedRegistry(cluster: Kubernetes): Promise<SharedRegistry> {
  const registry = await startRegistry();
  const host = await cluster.expose(registry.port, REGISTRY_PORT);
  return {
    host,
    registry,
    async push(nameAndTag, module) {
      const pushed = await pushModule(`${registry.host}/${nameAndTag}`, module, { keychain: new Map(), layoutBase: ROOT });
      if (!pushed.ok) throw new Error(pushed.error.message);
      return { image: `${host}/${nameAndTag}`, digest: pushed.value.digest };
    },
  };
}

/** Flags of helm for Weir from the images on the node, and a registry without TLS. */
export async function chartValues(cluster: Kubernetes, registry?: string): Promise<string[]> {
  const [weir, envoy] = [await cluster.load.image("weir"), await cluster.load.image("envoy")];
  const image = (key: string, reference: string) => {
    const [repository, tag] = reference.split(":");
    return [`${key}.repository=${repository}`, `${key}.tag=${tag}`];
  };
  const values = [...image("image", weir), ...image("proxyImage", envoy)];
  const args = registry === undefined ? [] : ["--set-json", `extraArgs=${JSON.stringify(["--plain-http", registry])}`];
  return [...values.flatMap((value) => ["--set", value]), ...args];
}

export const manifestOf = (text: string): object => parse(text) as object;

export async function filterOf(cluster: Kubernetes, namespace: string, name: string): Promise<WasmFilter | undefined> {
  const text = await cluster.kubectl(["get", "wasmfilter", name, "-n", namespace, "-o", "json", "--ignore-not-found"]);
  return text === "" ? undefined : (JSON.parse(text) as WasmFilter);
}

/** Waits until the filter in the cluster satisfies `check`. Throws with its last status and the operator's last lines. */
export async function untilFilter(
  cluster: Kubernetes,
  [namespace, name]: readonly [string, string],
  what: string,
  check: (filter: WasmFilter) => boolean,
  timeoutMs = 60_000,
): Promise<WasmFilter> {
  let last: WasmFilter | undefined;
  const seen = async () => {
    last = await filterOf(cluster, namespace, name);
    return last !== undefined && check(last) ? last : undefined;
  };
  return eventually(what, seen, timeoutMs, 200).catch(async (error: Error) => {
    const logs = await cluster.kubectl(["logs", "-n", "weir-system", "deploy/weir", "-c", "weir", "--tail=40"]).catch(String);
    throw new Error(`${error.message}\nlast status of ${namespace}/${name}: ${JSON.stringify(last?.status, null, 1)}\n${logs}`);
  });
}
