import { headerFilter } from "../wat.ts";
import { condition } from "../weir.ts";
import { type Kubernetes, type KubernetesOptions, startKubernetes } from "./index.ts";
import { type Load, startLoad } from "./load.ts";
import { appContainer, appDeployment, appService, namespace } from "./pods.ts";
import { CHART, chartValues, type SharedRegistry, startSharedRegistry, untilFilter } from "./weir.ts";

export const RELEASE = ["weir", "-n", "weir-system"] as const;

/** Weir in a cluster with namespaces that know nothing of each other: each an app with Envoy beside it, and a filter whose header tells the namespace. */
export interface Tenants {
  readonly cluster: Kubernetes;
  readonly registry: SharedRegistry;
  /** Makes a namespace with `replicas` pods of the app `web`, the filter `mark`, and waits until all of them run it. */
  add(name: string, replicas: number): Promise<void>;
  /** Gives the filter `mark` of a namespace this value, and waits until all pods run it. */
  mark(namespace: string, value: string, replicas: number): Promise<void>;
  /** Requests without a break to a namespace's app. */
  visit(namespace: string): Promise<Load>;
  operatorLogs(container?: "weir" | "prover"): Promise<string>;
  operator(): Promise<OperatorPod>;
  stop(): Promise<void>;
}

export interface OperatorPod {
  readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
  readonly status: {
    readonly podIP: string;
    readonly containerStatuses: readonly ContainerStatus[];
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

export interface ContainerStatus {
  readonly name: string;
  readonly image: string;
  readonly restartCount: number;
  readonly ready: boolean;
  readonly containerID: string;
  readonly lastState?: { readonly terminated?: { readonly reason: string; readonly exitCode: number } };
}

/** Starts a cluster and installs Weir in it. `values`: more flags of helm. */
export async function startTenants(options: KubernetesOptions & { readonly values?: readonly string[] } = {}): Promise<Tenants> {
  const cluster = await startKubernetes({ ...options, images: ["weir", "envoy"] });
  const registry = await startSharedRegistry(cluster);
  const stop = async () => {
    await cluster.stop();
    await registry.registry.stop();
  };
  try {
    const values = [...(await chartValues(cluster, registry.host)), ...(options.values ?? [])];
    await cluster.helm(["install", ...RELEASE, CHART, "--create-namespace", ...values, "--wait", "--timeout", "120s"]);
    await cluster.apply(namespace("visitors"));
  } catch (error) {
    await stop();
    throw error;
  }
  const mark = async (name: string, value: string, replicas: number) => {
    const { image } = await registry.push(`filters/${name}:${value}`, await headerFilter({ name: "x-weir", value }));
    const metadata = { name: "mark", namespace: name };
    await cluster.apply({ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata, spec: { image } });
    await untilFilter(
      cluster,
      [name, "mark"],
      `${value} in all pods of ${name}`,
      (filter) =>
        filter.status?.observedGeneration === filter.metadata.generation &&
        filter.status?.proxies?.updated === replicas &&
        filter.status.proxies.matched === replicas &&
        condition(filter, "Ready") === "True Ready",
      120_000,
    );
  };
  return {
    ...{ cluster, registry, stop, mark },
    async add(name, replicas) {
      await cluster.apply(namespace(name, { "weir.dev/inject": "true" }));
      await cluster.apply(appDeployment("web", name, replicas), appService("web", name));
      await cluster.kubectl(["rollout", "status", "-n", name, "deployment/web", "--timeout=180s"]);
      await mark(name, name, replicas);
    },
    visit: (name) => startLoad(cluster, { name: `visits-${name}`, namespace: "visitors", url: `http://web.${name}/` }),
    operatorLogs: (container = "weir") => cluster.kubectl(["logs", "-n", "weir-system", "deploy/weir", "-c", container]),
    async operator() {
      const { items } = await cluster.get<{ items: OperatorPod[] }>(["pods", "-n", "weir-system", "-l", "app.kubernetes.io/name=weir"]);
      const found = items.find(({ metadata }) => metadata.deletionTimestamp === undefined);
      if (found === undefined) throw new Error("the operator has no pod");
      return found;
    },
  };
}

/** A pod that carries connections to Weir from its own address, and has a token for it: what an attacker has who took a pod. No Envoy is put beside it. */
export function foothold(name: string, namespace: string): object {
  const sources = [{ serviceAccountToken: { audience: "weir.dev", expirationSeconds: 3600, path: "token" } }];
  const relay = appContainer(["relay", "weir.weir-system.svc:18000"], { volumeMounts: [{ name: "token", mountPath: "/token" }] });
  const spec = { terminationGracePeriodSeconds: 1, containers: [relay], volumes: [{ name: "token", projected: { sources } }] };
  const metadata = { name, namespace, labels: { app: name }, annotations: { "weir.dev/inject": "false" } };
  return { apiVersion: "v1", kind: "Pod", metadata, spec };
}
