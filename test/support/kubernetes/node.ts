import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installDebianParts } from "../../../scripts/tools/debian.ts";
import { installGoTool } from "../../../scripts/tools/go.ts";
import { runOk } from "../../../scripts/tools/run.ts";
import type { Process } from "../process.ts";
import { type ControlPlane, SERVICES } from "./control-plane.ts";
import { type Namespaces, NODE_ADDRESS, WORK } from "./namespaces.ts";

export const NODE_NAME = "node";
const PODS = "10.88.0.0/16";
/** What holds a pod's namespaces open (images.ts). */
const PAUSE = "localhost/pause:1";
export const CONTAINERD = `${WORK}/containerd.sock`;

export interface NodeOptions {
  readonly namespaces: Namespaces;
  /** A folder that both sides see. */
  readonly folder: string;
  readonly cgroup: string;
  readonly featureGates: Readonly<Record<string, boolean>>;
}

/** What a process on the node has in its environment: containerd starts runc by name, kube-proxy nft. */
export async function nodeEnvironment(): Promise<Record<string, string>> {
  const parts = await installDebianParts();
  const libraries = (
    await runOk("find", [join(parts, "usr/lib"), join(parts, "lib"), "-name", "*.so*", "-path", "*-linux-gnu/*", "-printf", "%h\n"])
  ).split("\n");
  return {
    PATH: `${["usr/bin", "usr/sbin", "sbin", "bin"].map((folder) => join(parts, folder)).join(":")}:${process.env.PATH}`,
    LD_LIBRARY_PATH: [...new Set(libraries)].filter((path) => /-linux-gnu$/.test(path)).join(":"),
  };
}

/** Starts containerd. Images can be imported when it is there; nothing else has to be. */
export async function startContainerd({ namespaces, folder }: Pick<NodeOptions, "namespaces" | "folder">): Promise<Process> {
  const parts = await installDebianParts();
  await mkdir(join(folder, "cni"));
  await writeFile(join(folder, "cni/10-bridge.conflist"), JSON.stringify(podNetwork));
  await writeFile(join(folder, "containerd.toml"), containerdConfig(join(parts, "usr/lib/cni"), join(folder, "cni")));
  const env = await nodeEnvironment();
  const containerd = await namespaces.start(join(parts, "usr/bin/containerd"), ["--config", join(folder, "containerd.toml")], { env });
  await containerd.waitFor("containerd", (logs) => logs.includes("containerd successfully booted"));
  return containerd;
}

/** Starts the kubelet, kube-proxy and CoreDNS. CoreDNS is a process of the node: its Service has the node's address by hand. */
export async function startNode(options: NodeOptions, plane: ControlPlane): Promise<void> {
  const { namespaces, folder } = options;
  const env = await nodeEnvironment();
  const start = async (name: "kubelet" | "kube-proxy" | "coredns", args: readonly string[]) => {
    plane.processes.set(name, await namespaces.start(await installGoTool(name), args, { env }));
  };
  const kubelet = ["--config", join(folder, "kubelet.json"), "--kubeconfig", await plane.kubeconfig("kubelet")];
  await writeFile(join(folder, "kubelet.json"), JSON.stringify(kubeletConfig(options)));
  await writeFile(join(folder, "kube-proxy.json"), JSON.stringify(proxyConfig(await plane.kubeconfig("kube-proxy"))));
  await writeFile(join(folder, "Corefile"), corefile(await plane.kubeconfig("coredns")));
  await start("kubelet", [
    ...kubelet,
    ...[`--root-dir=${WORK}/kubelet`, `--cert-dir=${WORK}/kubelet-certs`, `--hostname-override=${NODE_NAME}`, `--node-ip=${NODE_ADDRESS}`],
  ]);
  await start("kube-proxy", ["--config", join(folder, "kube-proxy.json")]);
  await start("coredns", ["-conf", join(folder, "Corefile")]);
}

/** Runs containerd's own tool; gives its output. Throws with its words when it fails. */
export async function ctr(namespaces: Namespaces, args: readonly string[]): Promise<string> {
  const program = join(await installDebianParts(), "usr/bin/ctr");
  const done = await namespaces.run(program, ["--address", CONTAINERD, "--namespace", "k8s.io", ...args], { env: await nodeEnvironment() });
  if (done.code !== 0) throw new Error(`ctr ${args.join(" ")}: ${done.stderr.trim()}`);
  return done.stdout;
}

/** https://www.cni.dev/plugins/current/main/bridge/ */
const podNetwork = {
  cniVersion: "0.4.0",
  name: "pods",
  plugins: [
    {
      ...{ type: "bridge", bridge: "cni0", isGateway: true, ipMasq: false, hairpinMode: true },
      ipam: { type: "host-local", ranges: [[{ subnet: PODS }]], routes: [{ dst: "0.0.0.0/0" }], dataDir: `${WORK}/cni` },
    },
  ],
};

/** https://github.com/containerd/containerd/blob/release/1.6/docs/cri/config.md; without `restrict_oom_score_adj` runc fails where root may not raise scores. */
const containerdConfig = (binaries: string, networks: string): string => `
version = 2
root = "${WORK}/containerd"
state = "${WORK}/containerd-state"
[grpc]
  address = "${CONTAINERD}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${binaries}"
    conf_dir = "${networks}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
`;

/** https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/ ; `syncFrequency`: how long a changed annotation takes to reach a pod, a minute and more by default. Its API is open to all on the node's own network, which nothing else is on. */
const kubeletConfig = ({ cgroup, featureGates }: NodeOptions): object => ({
  apiVersion: "kubelet.config.k8s.io/v1beta1",
  kind: "KubeletConfiguration",
  failCgroupV1: false,
  cgroupDriver: "cgroupfs",
  cgroupRoot: cgroup,
  containerRuntimeEndpoint: `unix://${CONTAINERD}`,
  authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
  authorization: { mode: "AlwaysAllow" },
  resolvConf: "",
  clusterDNS: [SERVICES.dns],
  clusterDomain: "cluster.local",
  makeIPTablesUtilChains: false,
  podLogsDir: `${WORK}/pod-logs`,
  evictionHard: { "memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
  imageGCHighThresholdPercent: 100,
  failSwapOn: false,
  syncFrequency: "10s",
  featureGates,
});

/** https://kubernetes.io/docs/reference/config-api/kube-proxy-config.v1alpha1/ */
const proxyConfig = (kubeconfig: string): object => ({
  apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
  kind: "KubeProxyConfiguration",
  mode: "nftables",
  clientConnection: { kubeconfig },
  clusterCIDR: PODS,
  hostnameOverride: NODE_NAME,
  bindAddress: NODE_ADDRESS,
  healthzBindAddress: "127.0.0.1:10256",
  metricsBindAddress: "127.0.0.1:10249",
  conntrack: { maxPerCore: 0 },
});

/** https://coredns.io/plugins/kubernetes/ ; 5 s is how long a name that changed may answer as before. */
const corefile = (kubeconfig: string): string => `
.:${DNS_PORT} {
  bind ${NODE_ADDRESS}
  errors
  ready ${NODE_ADDRESS}:8181
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${kubeconfig}
  }
  cache 5
}
`;

const DNS_PORT = 53;

/** The Service that pods ask for names, with CoreDNS on the node behind it. */
export const dnsObjects: readonly object[] = [
  {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "kube-dns", namespace: "kube-system" },
    spec: {
      clusterIP: SERVICES.dns,
      ports: ["UDP", "TCP"].map((protocol) => ({ name: protocol.toLowerCase(), port: 53, targetPort: DNS_PORT, protocol })),
    },
  },
  {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "kube-dns", namespace: "kube-system", labels: { "kubernetes.io/service-name": "kube-dns" } },
    addressType: "IPv4",
    ports: ["UDP", "TCP"].map((protocol) => ({ name: protocol.toLowerCase(), port: DNS_PORT, protocol })),
    endpoints: [{ addresses: [NODE_ADDRESS], conditions: { ready: true } }],
  },
];
