import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { ProxyView } from "../../../hub/index.ts";
import type { WasmFilter } from "../../../model/gen/wasmfilter.ts";
import type { KubeApi } from "../../../model/kube.ts";
import { accessTo } from "../cluster.ts";
import { eventually } from "../process.ts";
import type { Kubernetes } from "./index.ts";
import type { Dial } from "./network.ts";
import type { OperatorPod } from "./tenants.ts";
import { type Claim, runs, statusClaim, Truth } from "./truth.ts";

/** The replicas of Weir that the chart runs, and the proxies of namespace `shop`, looked at from outside without a process for each look. */
export interface Replicas {
  /** Pods that are not ending, as the API server had them last. */
  pods(): Promise<readonly OperatorPod[]>;
  /** The pod that holds the Lease and says that it decides; `undefined`: none. */
  leader(): Promise<OperatorPod | undefined>;
  untilLed(timeoutMs?: number): Promise<OperatorPod>;
  /** The proxies that are connected to each pod, by its name; those of pods that do not answer are not there. */
  spread(): Promise<ReadonlyMap<string, number>>;
  /** What a replica says of proxies; `undefined`: it does not answer. */
  proxiesOf(pod: OperatorPod): Promise<readonly ProxyView[] | undefined>;
  /** By pod of the app: the header `x-weir` of its answer, "" where there is none; pods that do not answer are not there. */
  marks(): Promise<ReadonlyMap<string, string>>;
  filter(): Promise<WasmFilter | undefined>;
  /** Changes the filter. */
  patch(spec: object): Promise<void>;
  /**
   * Compares what Weir says with what proxies answer, again and again, until `stop`. `isUnwritable`: true while nobody can write a status, which then is no claim.
   */
  watch(isUnwritable?: () => boolean): { readonly truth: Truth; stop(): Promise<Truth> };
  /** What module answers with which mark, told by who releases it. */
  readonly digests: Map<string, string>;
}

const FILTER = "/apis/weir.dev/v1alpha1/namespaces/shop/wasmfilters/mark";
const ANSWER_MS = 2_000;
/** Between two looks. */
const EVERY_MS = 200;

export async function createReplicas(cluster: Kubernetes): Promise<Replicas> {
  const { api } = accessTo(cluster.kubeconfig);
  return new ClusterReplicas(api, await cluster.openDial());
}

class ClusterReplicas implements Replicas {
  readonly digests = new Map<string, string>();
  private readonly api: KubeApi;
  private readonly dial: Dial;
  private readonly known = new Map<string, readonly unknown[]>();
  private readonly byRevision = new Map<number, string>();

  constructor(api: KubeApi, dial: Dial) {
    this.api = api;
    this.dial = dial;
  }

  async pods(): Promise<readonly OperatorPod[]> {
    const pods = (await this.list("/api/v1/namespaces/weir-system/pods?app.kubernetes.io/name=weir")) as readonly OperatorPod[];
    return pods.filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && status.podIP !== undefined);
  }

  async leader(): Promise<OperatorPod | undefined> {
    const lease = await this.read("/apis/coordination.k8s.io/v1/namespaces/weir-system/leases/weir");
    const holder = (lease?.spec as { holderIdentity?: string } | undefined)?.holderIdentity ?? "";
    const pod = (await this.pods()).find(({ metadata }) => holder.startsWith(`${metadata.name}_`));
    return pod !== undefined && (await this.metric(pod, "weir_leading")) === 1 ? pod : undefined;
  }

  untilLed(timeoutMs = 40_000): Promise<OperatorPod> {
    return eventually("a leader", () => this.leader(), timeoutMs, 200);
  }

  async spread(): Promise<ReadonlyMap<string, number>> {
    const found = await Promise.all(
      (await this.pods()).map(async (pod) => [pod.metadata.name, await this.metric(pod, "weir_proxies_connected")] as const),
    );
    return new Map(found.flatMap(([name, count]) => (count === undefined ? [] : [[name, count]])));
  }

  async proxiesOf(pod: OperatorPod): Promise<readonly ProxyView[] | undefined> {
    const answer = await this.ask(pod.status.podIP, 18001, "/api/v1/proxies");
    return answer?.status === 200 ? (JSON.parse(answer.body) as readonly ProxyView[]) : undefined;
  }

  async marks(): Promise<ReadonlyMap<string, string>> {
    const pods = (await this.list("/api/v1/namespaces/shop/pods?fleet=shop")) as readonly OperatorPod[];
    const found = await Promise.all(
      pods.map(async ({ metadata, status }) => [metadata.name, (await this.ask(status.podIP, 8080, "/"))?.mark] as const),
    );
    return new Map(found.flatMap(([name, mark]) => (mark === undefined ? [] : [[name, mark]])));
  }

  async filter(): Promise<WasmFilter | undefined> {
    return (await this.read(FILTER)) as WasmFilter | undefined;
  }

  async patch(spec: object): Promise<void> {
    const body = { spec };
    const done = await this.api.request({ method: "PATCH", path: FILTER, contentType: "application/merge-patch+json", body });
    if (!done.ok) throw new Error(done.error.message);
  }

  watch(isUnwritable: () => boolean = () => false): { readonly truth: Truth; stop(): Promise<Truth> } {
    const truth = new Truth();
    let isRunning = true;
    const done = (async () => {
      while (isRunning) {
        const next = sleep(EVERY_MS);
        await this.look(truth, isUnwritable);
        await next;
      }
    })();
    return {
      truth,
      async stop() {
        isRunning = false;
        await done;
        return truth;
      },
    };
  }

  private async look(truth: Truth, isUnwritable: () => boolean): Promise<void> {
    const askedAt = performance.now();
    const pods = await this.pods();
    const [claims, status, led] = await Promise.all([
      Promise.all(pods.map((pod) => this.claimsOf(pod))),
      this.statusClaims(),
      Promise.all(pods.map(async (pod) => ((await this.metric(pod, "weir_leading")) === 1 ? [pod.metadata.name] : []))),
    ]);
    const claimedAt = performance.now();
    const leaders = led.flat();
    const counted = isUnwritable() ? [] : status;
    const answers = await this.marks();
    const answeredAt = performance.now();
    truth.take({ askedAt, claimedAt, answeredAt, claims: [...claims.flat(), ...counted], answers, leaders });
  }

  /** The mark that a module answers with: in the order of their numbers, which tells what is behind and what ahead. */
  private markOf(digest: string): string {
    for (const [mark, each] of this.digests) if (each === digest) return mark;
    return digest;
  }

  /** That a proxy runs something is claimed of those that are connected: of the others it is said that they are not. */
  private async claimsOf(pod: OperatorPod): Promise<Claim[]> {
    const claims: Claim[] = [];
    for (const { id, connected, slots } of (await this.proxiesOf(pod)) ?? []) {
      for (const { name, revision, digest, state, message } of slots.flatMap(({ filters }) => filters)) {
        if (name !== "mark" || !connected) continue;
        this.byRevision.set(revision, digest);
        if (!message.startsWith("not acknowledged yet") && state !== "rejected")
          claims.push(runs(pod.metadata.name, id, this.markOf(digest)));
      }
    }
    return claims;
  }

  private async statusClaims(): Promise<Claim[]> {
    const { status } = (await this.filter()) ?? {};
    const claim = statusClaim(status, (revision) => {
      const digest = this.byRevision.get(revision);
      return digest === undefined ? undefined : this.markOf(digest);
    });
    return claim === undefined ? [] : [claim];
  }

  private async metric(pod: OperatorPod, name: string): Promise<number | undefined> {
    const answer = await this.ask(pod.status.podIP, 18001, "/metrics");
    const line = answer?.body.split("\n").find((each) => each.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  }

  /** What is there; while the API server does not answer, what was there last. */
  private async list(path: string): Promise<readonly unknown[]> {
    const [base = "", selector = ""] = path.split("?");
    const found = await this.read(base, { labelSelector: selector });
    if (found !== undefined) this.known.set(path, found.items as readonly unknown[]);
    return this.known.get(path) ?? [];
  }

  private async read(path: string, query: Readonly<Record<string, string>> = {}) {
    const answer = await this.api.request({ path, query, signal: AbortSignal.timeout(ANSWER_MS) });
    return answer.ok ? answer.value : undefined;
  }

  private ask(host: string, port: number, path: string) {
    return new Promise<{ readonly status: number; readonly mark: string; readonly body: string } | undefined>((resolve) => {
      const nothing = () => resolve(undefined);
      const asked = request({ host, port, path, timeout: ANSWER_MS, createConnection: () => this.dial(host, port) }, (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (part) => {
          body += part;
        });
        response.once("end", () => resolve({ status: response.statusCode ?? 0, mark: String(response.headers["x-weir"] ?? ""), body }));
        response.once("error", nothing);
      });
      asked
        .once("timeout", () => asked.destroy())
        .once("error", nothing)
        .once("close", nothing);
      asked.end();
    });
  }
}
