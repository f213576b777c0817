import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installGoTool } from "../../../scripts/tools/go.ts";
import type { Process } from "../process.ts";
import { type Namespaces, NODE_ADDRESS, WORK } from "./namespaces.ts";

/** Ports are the cluster's own, as its network is: two clusters have the same ones. */
export const API_PORT = 6443;
const ETCD = "http://127.0.0.1:2379";
export const SERVICES = { range: "10.96.0.0/16", dns: "10.96.0.10" };
const INSIDE = `https://${NODE_ADDRESS}:${API_PORT}`;

/** Whom a component or a person is to the API server, by a token. */
const USERS = {
  admin: ["admin", "system:masters"],
  "kube-controller-manager": ["system:kube-controller-manager"],
  "kube-scheduler": ["system:kube-scheduler"],
  "kube-proxy": ["system:kube-proxy"],
  kubelet: ["system:node:node", "system:nodes"],
  coredns: ["admin", "system:masters"],
} as const;

export type User = keyof typeof USERS;

export interface ControlPlane {
  /** Certificate of the API server, in PEM, which is its own CA. */
  readonly certificate: string;
  readonly tokens: Readonly<Record<User, string>>;
  /** Every process of it by name; the API server can be stopped and started. */
  readonly processes: Map<string, Process>;
  /** Path of a kubeconfig for programs in the namespaces. */
  kubeconfig(user: User): Promise<string>;
  startServer(): Promise<void>;
}

export interface ControlPlaneOptions {
  readonly namespaces: Namespaces;
  /** A folder that both sides see. */
  readonly folder: string;
  readonly featureGates: Readonly<Record<string, boolean>>;
  /** `group/version/resource` of those that are off by default. */
  readonly apis: readonly string[];
}

/** Starts etcd and the API server, and waits until it serves. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { namespaces, folder } = options;
  const processes = new Map<string, Process>();
  const tokens = Object.fromEntries(Object.keys(USERS).map((user) => [user, randomBytes(16).toString("hex")])) as Record<User, string>;
  const etcd = await namespaces.start(await installGoTool("etcd"), ["--data-dir", `${WORK}/etcd`, "--unsafe-no-fsync"]);
  processes.set("etcd", etcd);
  const flags = await serverFlags(options, tokens);
  const startServer = async () => {
    const server = await namespaces.start(await installGoTool("kube-apiserver"), flags);
    processes.set("kube-apiserver", server);
    await server.waitFor("its port", (logs) => logs.includes("Serving securely on"), 60_000);
  };
  await startServer();
  const certificate = await readFile(join(folder, "certs/apiserver.crt"), "utf8");
  const kubeconfig = async (user: User) => {
    const path = join(folder, `${user}.kubeconfig`);
    await writeFile(path, kubeconfigText(INSIDE, certificate, tokens[user]), { mode: 0o600 });
    return path;
  };
  return { certificate, tokens, processes, kubeconfig, startServer };
}

async function serverFlags({ folder, featureGates, apis }: ControlPlaneOptions, tokens: Record<User, string>): Promise<string[]> {
  await mkdir(join(folder, "certs"));
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  await writeFile(signingKeyOf(folder), privateKey.export({ type: "sec1", format: "pem" }), { mode: 0o600 });
  const lines = Object.entries(USERS).map(([user, [name, ...groups]]) => `${tokens[user as User]},${name},${name},"${groups.join(",")}"`);
  await writeFile(join(folder, "tokens.csv"), `${lines.join("\n")}\n`, { mode: 0o600 });
  return [
    ...[`--etcd-servers=${ETCD}`, `--secure-port=${API_PORT}`, "--bind-address=0.0.0.0", `--advertise-address=${NODE_ADDRESS}`],
    ...[`--cert-dir=${folder}/certs`, `--token-auth-file=${folder}/tokens.csv`, "--authorization-mode=Node,RBAC"],
    ...["--enable-admission-plugins=NodeRestriction", `--service-cluster-ip-range=${SERVICES.range}`, "--allow-privileged=true"],
    ...["--service-account-issuer=https://kubernetes.default.svc", `--service-account-key-file=${signingKeyOf(folder)}`],
    ...[`--service-account-signing-key-file=${signingKeyOf(folder)}`, "--kubelet-preferred-address-types=InternalIP"],
    ...gateFlags(featureGates),
    ...(apis.length === 0 ? [] : [`--runtime-config=${apis.map((api) => `${api}=true`).join(",")}`]),
  ];
}

const signingKeyOf = (folder: string): string => join(folder, "service-accounts.key");

export function gateFlags(gates: Readonly<Record<string, boolean>>): string[] {
  const list = Object.entries(gates).map(([name, on]) => `${name}=${on}`);
  return list.length === 0 ? [] : [`--feature-gates=${list.join(",")}`];
}

/** Starts the controllers and the scheduler. They wait for the API server by themselves. */
export async function startControllers({ namespaces, folder, featureGates }: ControlPlaneOptions, plane: ControlPlane): Promise<void> {
  const start = async (name: "kube-controller-manager" | "kube-scheduler", flags: readonly string[]) => {
    const kubeconfig = await plane.kubeconfig(name);
    const always = ["--kubeconfig", kubeconfig, "--leader-elect=false", ...gateFlags(featureGates)];
    plane.processes.set(name, await namespaces.start(await installGoTool(name), [...always, ...flags]));
  };
  await start("kube-controller-manager", [
    ...[`--service-account-private-key-file=${signingKeyOf(folder)}`, `--root-ca-file=${folder}/certs/apiserver.crt`],
    "--use-service-account-credentials=true",
  ]);
  await start("kube-scheduler", []);
}

/** For `server`, which may be any way to the API server: its certificate is asked for by a name that it has. */
export function kubeconfigText(server: string, certificate: string, token: string): string {
  const trust = { "tls-server-name": "kubernetes.default.svc", "certificate-authority-data": Buffer.from(certificate).toString("base64") };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server, ...trust } }],
    users: [{ name: "test", user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test", namespace: "default" } }],
    "current-context": "test",
  });
}
