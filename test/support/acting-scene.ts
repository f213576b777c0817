import assert from "node:assert/strict";
import { join } from "node:path";
import { pushModule } from "../../oci/index.ts";
import { ROOT } from "../../scripts/tests/files.ts";
import { type Cluster, installCrds, kubectl, startCluster } from "./cluster.ts";
import { type EchoApp, startEchoApp } from "./echo-app.ts";
import { startEnvoy } from "./envoy.ts";
import { startRegistry } from "./registry.ts";
import { createTempFolder } from "./temp-folder.ts";
import { get } from "./traffic.ts";
import { headerFilter } from "./wat.ts";
import { startWeir, type Weir, weir } from "./weir.ts";

/** A real API server, registry, Weir and Envoys, with a filter `shop/add-header` of two revisions, and people with rights of their own. */
export interface ActingScene {
  readonly cluster: Cluster;
  readonly server: Weir;
  /** Tokens of ServiceAccounts: one may look, the other may act. */
  readonly tokens: { readonly viewer: string; readonly editor: string };
  run(...args: string[]): Promise<string>;
  /** What the proxies put into `x-weir`, one for each. */
  marks(): Promise<readonly string[]>;
  /** Points the filter's image at a tag: `two` goes out in two waves. */
  release(tag: "one" | "two"): Promise<void>;
  stop(): Promise<void>;
}

const PROXIES = ["web-1", "web-2"];

export async function startActingScene(): Promise<ActingScene> {
  const open: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const close of open.splice(0).reverse()) await close();
  };
  try {
    const [cluster, folder, registry, app] = [
      await startCluster(),
      await createTempFolder("acting"),
      await startRegistry(),
      await startEchoApp(),
    ];
    open.push(cluster.stop, folder.remove, registry.stop, app.stop);
    const run = (...args: string[]) => kubectl(args, cluster);
    await installCrds(cluster);
    await run("create", "namespace", "shop");
    const tokens = await createPeople(run);
    for (const tag of ["one", "two"]) {
      const pushed = await pushModule(`${registry.host}/filter:${tag}`, await headerFilter({ name: "x-weir", value: tag }), {
        keychain: new Map(),
      });
      assert.ok(pushed.ok, JSON.stringify(pushed));
    }
    const flags = ["--allow-address", "127.0.0.1"];
    const server = await startWeir({ source: ["--kubeconfig", cluster.kubeconfig], data: join(folder.path, "data"), flags });
    open.push(server.stop);
    const ports = await Promise.all(PROXIES.map((node) => startProxy(server, node, app, open)));
    const release = (tag: string) => apply(cluster, manifest(`${registry.host}/filter:${tag}`, tag === "two"));
    return {
      ...{ cluster, server, tokens, run, release, stop },
      marks: () => Promise.all(ports.map(async (port) => String((await get(port)).headers["x-weir"] ?? ""))),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** As docs/rbac-people.yaml gives rights to people. */
async function createPeople(run: ActingScene["run"]): Promise<ActingScene["tokens"]> {
  await run("apply", "-f", join(ROOT, "docs/rbac-people.yaml"));
  const tokenOf = async (name: "viewer" | "editor") => {
    await run("-n", "shop", "create", "serviceaccount", name);
    await run("-n", "shop", "create", "rolebinding", name, `--clusterrole=weir-${name}`, `--serviceaccount=shop:${name}`);
    return (await run("-n", "shop", "create", "token", name)).trim();
  };
  return { viewer: await tokenOf("viewer"), editor: await tokenOf("editor") };
}

const manifest = (image: string, inWaves: boolean) => `apiVersion: weir.dev/v1alpha1
kind: WasmFilter
metadata: {name: add-header, namespace: shop, labels: {argocd.argoproj.io/instance: shop-filters}}
spec:
  image: ${image}
  rollout: {steps: [${inWaves ? "{percent: 50, pause: true}, " : ""}{percent: 100}]}
`;

async function apply(cluster: Cluster, input: string): Promise<void> {
  await kubectl(["apply", "--server-side", "-f", "-"], { ...cluster, input });
}

async function startProxy({ xdsPort }: Weir, node: string, app: EchoApp, open: (() => Promise<unknown>)[]): Promise<number> {
  const at = ["--xds", `127.0.0.1:${xdsPort}`, "--listen", "127.0.0.1:0", "--upstream", `127.0.0.1:${app.port}`];
  const envoy = await startEnvoy({
    config: await weir(["bootstrap", "--node", node, "--namespace", "shop", ...at]),
    log: "warning",
    concurrency: 1,
  });
  open.push(envoy.stop);
  return envoy.port();
}
