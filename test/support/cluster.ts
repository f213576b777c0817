import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { stringify } from "yaml";
import type { ClusterAccess } from "../../model/kube.ts";
import { createKubeApi, startReflector } from "../../operator/index.ts";
import { ROOT } from "../../scripts/tests/files.ts";
import { installGoTool } from "../../scripts/tools/go.ts";
import { run } from "../../scripts/tools/run.ts";
import { startOnReservedPort } from "./ports.ts";
import { eventually, type Process, startProcess } from "./process.ts";
import { createTempFolder } from "./temp-folder.ts";

/** A real etcd and kube-apiserver (RBAC on, no controllers, no nodes) on loopback. */
export interface Cluster {
  /** Path of a kubeconfig for an administrator. */
  readonly kubeconfig: string;
  /** `https://127.0.0.1:PORT`, with the certificate that the kubeconfig trusts. */
  readonly server: string;
  /** A kubeconfig for another user: one that has no right until RBAC grants it. */
  kubeconfigFor(user: string): Promise<string>;
  /** The PEM of the key that signs tokens of ServiceAccounts: for tokens that the API server itself would not give out. */
  readonly signingKey: string;
  stopServer(): Promise<void>;
  /** Starts the API server again on the same port, with what etcd holds. */
  startServer(): Promise<void>;
  restartServer(): Promise<void>;
  logs(): string;
  stop(): Promise<void>;
}

const ADMIN = "admin";
const SIGNING_KEY = "service-accounts.key";

/** Starts a cluster and waits until the API server says that it is ready: 2 to 4 seconds. `users` besides the administrator have no rights; `flags`: more for the API server. */
export async function startCluster(
  options: { readonly users?: readonly string[]; readonly flags?: readonly string[] } = {},
): Promise<Cluster> {
  const [etcdBinary, serverBinary] = [await installGoTool("etcd"), await installGoTool("kube-apiserver")];
  const folder = await createTempFolder("cluster");
  const started: Process[] = [];
  const stop = async () => {
    await Promise.all(started.map((process) => process.stop(2_000)));
    await folder.remove();
  };
  try {
    const tokens = new Map([ADMIN, ...(options.users ?? [])].map((user) => [user, randomBytes(16).toString("hex")]));
    const etcd = await startEtcd(etcdBinary, folder.path);
    started.push(etcd.process);
    const flags = [...(await serverFlags(folder.path, etcd.url, tokens)), ...(options.flags ?? [])];
    const startServer = async (port: number) => {
      const process = await startProcess(serverBinary, [...flags, `--secure-port=${port}`], { name: "kube-apiserver" });
      started[1] = process;
      await process.waitFor("its port", (logs) => logs.includes(`Serving securely on 127.0.0.1:${port}`), 60_000);
      return { process, port };
    };
    let { process: apiServer, port } = await startOnReservedPort(startServer);
    const certificate = await readFile(join(folder.path, "certs/apiserver.crt"), "utf8");
    const server = `https://127.0.0.1:${port}`;
    // Written once: a second caller would read one that the first is writing.
    const write = async ([user, token]: [string, string]): Promise<[string, string]> => {
      const path = join(folder.path, `${user}.kubeconfig`);
      await writeFile(path, kubeconfigText(server, certificate, user, token), { mode: 0o600 });
      return [user, path];
    };
    const kubeconfigs = new Map(await Promise.all([...tokens].map(write)));
    const kubeconfigFor = async (user: string) => {
      const path = kubeconfigs.get(user);
      if (path === undefined) throw new Error(`start the cluster with users: ["${user}"]`);
      return path;
    };
    const kubeconfig = await kubeconfigFor(ADMIN);
    const ready = (process: Process) =>
      process.waitFor("readiness", async () => (await kubectl(["get", "--raw", "/readyz"], { kubeconfig })) === "ok", 60_000);
    await ready(apiServer);
    const stopServer = async () => void (await apiServer.stop(2_000));
    const startAgain = async () => {
      apiServer = (await startServer(port)).process;
      await ready(apiServer);
    };
    return {
      ...{ kubeconfig, server, kubeconfigFor, stop, stopServer, startServer: startAgain },
      signingKey: await readFile(join(folder.path, SIGNING_KEY), "utf8"),
      async restartServer() {
        await stopServer();
        await startAgain();
      },
      logs: () => apiServer.logs(),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startEtcd(binary: string, folder: string): Promise<{ process: Process; url: string }> {
  const anyPort = "http://127.0.0.1:0";
  const process = await startProcess(
    binary,
    [
      ...["--data-dir", join(folder, "etcd"), "--unsafe-no-fsync"],
      ...["--listen-client-urls", anyPort, "--advertise-client-urls", anyPort],
      ...["--listen-peer-urls", anyPort, "--initial-advertise-peer-urls", anyPort, "--initial-cluster", `default=${anyPort}`],
    ],
    { name: "etcd" },
  );
  const address = await process.waitFor("its port", (logs) => /"serving client traffic[^"]*",.*"address":"([^"]+)"/.exec(logs)?.[1]);
  const url = `http://${address}`;
  await process.waitFor("health", async () => (await fetch(`${url}/health`)).ok);
  return { process, url };
}

async function serverFlags(folder: string, etcd: string, tokens: ReadonlyMap<string, string>): Promise<string[]> {
  const certificates = join(folder, "certs");
  await mkdir(certificates);
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signingKey = join(folder, SIGNING_KEY);
  await writeFile(signingKey, keys.privateKey.export({ type: "sec1", format: "pem" }), { mode: 0o600 });
  const tokenFile = join(folder, "tokens.csv");
  const lines = [...tokens].map(([user, token]) => `${token},${user},${user}${user === ADMIN ? ",system:masters" : ""}`);
  await writeFile(tokenFile, `${lines.join("\n")}\n`, { mode: 0o600 });
  return [
    `--etcd-servers=${etcd}`,
    ...["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", `--cert-dir=${certificates}`],
    ...[`--token-auth-file=${tokenFile}`, "--authorization-mode=RBAC"],
    ...[
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-signing-key-file=${signingKey}`,
      `--service-account-key-file=${signingKey}`,
    ],
    ...["--service-cluster-ip-range=10.96.0.0/24", "--endpoint-reconciler-type=none", "--disable-admission-plugins=ServiceAccount"],
  ];
}

function kubeconfigText(server: string, certificate: string, user: string, token: string): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server, "certificate-authority-data": Buffer.from(certificate).toString("base64") } }],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user, namespace: "default" } }],
    "current-context": "test",
  });
}

/** What Weir asks of the API server, as the user of this kubeconfig. */
export function accessTo(kubeconfig: string): ClusterAccess {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(kubeconfig);
  return { api: createKubeApi({ kubeConfig }), follow: startReflector };
}

/** Installs the CRDs (of another folder, where one is given) and waits until the API server takes WasmFilters. */
export async function installCrds(cluster: Pick<Cluster, "kubeconfig">, folder = join(ROOT, "crds")): Promise<void> {
  await kubectl(["apply", "-f", folder], cluster);
  await kubectl(["wait", "--for=condition=Established", "crd/wasmfilters.weir.dev", "--timeout=30s"], cluster);
}

/**
 * Waits until the API server lets the user do this (the words after `kubectl auth can-i`). Its authorizer follows roles and bindings by
 * watches, so that a right counts a moment after it was granted.
 */
export async function rightCounts(cluster: Pick<Cluster, "kubeconfig">, user: string, ...right: readonly string[]): Promise<void> {
  await eventually(`${user} may ${right.join(" ")}`, () =>
    kubectl(["auth", "can-i", ...right, "--as", user], cluster).then(
      () => true,
      () => false,
    ),
  );
}

/** Runs the real kubectl and gives what it printed on stdout. Throws with its stderr when it fails. */
export async function kubectl(
  args: readonly string[],
  options: { readonly kubeconfig: string; readonly input?: string | undefined },
): Promise<string> {
  const binary = await installGoTool("kubectl");
  const cache = join(options.kubeconfig, "..", "kubectl-cache");
  const done = await run(binary, ["--kubeconfig", options.kubeconfig, "--cache-dir", cache, ...args], {
    timeoutMs: 60_000,
    input: options.input,
  });
  if (done.code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${done.stderr.trim()}`);
  return done.stdout;
}
