import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Fault, faultyFilter } from "../faulty.ts";
import { eventually } from "../process.ts";
import { type Kubernetes, startKubernetes } from "./index.ts";
import { type Load, startLoad } from "./load.ts";
import { appDeployment, namespace } from "./pods.ts";
import { createReplicas, type Replicas } from "./replicas.ts";
import { type OperatorPod, RELEASE } from "./tenants.ts";
import { CHART, chartValues, type SharedRegistry, startSharedRegistry, untilFilter } from "./weir.ts";

/** Five whose names begin with `web`, and one with `edge`, which refuses what is faulty. */
export const PROXIES = 6;
const CHANGE_EVERY_MS = 2_000;
/** One change in so many is faulty. */
const FAULTY_EVERY = 10;
const STEPS = { steps: [{ percent: 34 }, { percent: 100 }] };

/** A module whose answers are marked `m1`, `m2`, and so on. */
export interface Release {
  readonly mark: string;
  readonly image: string;
  readonly digest: string;
}

export type Tell = (line: string) => void;

/** Several replicas of Weir as the chart runs them, the filter `mark` in namespace `shop` in two waves, and apps that are asked without a break. */
export interface Shop {
  readonly cluster: Kubernetes;
  readonly replicas: Replicas;
  readonly visits: Load;
  /** Runs helm with this command and the chart (default: of now). */
  helm(command: "install" | "upgrade", more: readonly string[], chart?: string): Promise<void>;
  /** Puts a module into the registry. */
  push(fault: Fault): Promise<Release>;
  /** Waits until every proxy answers with this, the status says so, and nothing is under way. */
  everywhere(mark: string, timeoutMs?: number): Promise<void>;
  /** Waits until these pods of the app (default: all) answer with this. */
  allAnswer(mark: string, of?: (pod: string) => boolean): Promise<void>;
  /** Changes the filter every two seconds until `isOver`, some of the changes for the worse; then waits until the last one is everywhere. */
  change(isOver: () => boolean): Promise<{ readonly changes: number; readonly faulty: number; readonly last: string }>;
  /** Runs `work` under requests: none of them fails or is unfiltered, nothing that is said is untrue, and no two lead at once. `isUnwritable`: see `Replicas.watch`. */
  underWatch(t: TestContext, work: (tell: Tell) => Promise<void>, isUnwritable?: () => boolean): Promise<void>;
  /** KILL, as for its memory. The kubelet starts it again; one that it started again already it would let wait, so that pod is replaced. */
  kill(pod: OperatorPod): Promise<void>;
  /** The pods of the app, with their Envoys. */
  proxies(): Promise<readonly OperatorPod[]>;
  /** Names of the proxies that are connected to these replicas. */
  connectedTo(pods: readonly OperatorPod[]): Promise<Set<string>>;
  /** Leads a proxy to this replica and no other, until what is given is called. */
  lead(proxy: OperatorPod, to: OperatorPod): Promise<() => Promise<string>>;
  /** Ends a proxy's connection. What is given connects it to this replica and no other, until what that gives is called. */
  cutOff(proxy: OperatorPod, to: OperatorPod): Promise<() => Promise<() => Promise<string>>>;
  /** Rules for packets of a container's pod. */
  nft(container: string, ...commands: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

/**
 * Starts the cluster and `install`s Weir (default: three replicas of now). Ready when all proxies answer with the first module.
 */
export async function startShop(
  install = (shop: Pick<Shop, "cluster" | "helm">) => shop.helm("install", ["--set", "replicas=3"]),
): Promise<Shop> {
  const cluster = await startKubernetes({ images: ["weir", "envoy"] });
  const registry = await startSharedRegistry(cluster);
  const stop = async () => {
    await cluster.stop();
    await registry.registry.stop();
  };
  try {
    const values = [...(await chartValues(cluster, registry.host)), "--set", "http.insecure=true"];
    const helm: Shop["helm"] = async (command, more, chart = CHART) =>
      void (await cluster.helm([command, ...RELEASE, chart, "--create-namespace", ...values, ...more, "--wait", "--timeout", "280s"]));
    await install({ cluster, helm });
    const replicas = await createReplicas(cluster);
    await startApps(cluster);
    const shop = new ClusterShop({ cluster, replicas, registry, helm, stop });
    await shop.visit();
    return shop;
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startApps(cluster: Kubernetes): Promise<void> {
  await cluster.apply(namespace("visitors"), namespace("shop", { "weir.dev/inject": "true" }));
  const labelled = (app: string) => ({ metadata: { labels: { app, fleet: "shop" } } });
  await cluster.apply(appDeployment("web", "shop", PROXIES - 1, labelled("web")), appDeployment("edge", "shop", 1, labelled("edge")), {
    ...{ apiVersion: "v1", kind: "Service", metadata: { name: "web", namespace: "shop" } },
    spec: { selector: { fleet: "shop" }, ports: [{ port: 80, targetPort: 8080 }] },
  });
  for (const name of ["web", "edge"]) await cluster.kubectl(["rollout", "status", "-n", "shop", `deployment/${name}`, "--timeout=180s"]);
}

interface Parts extends Pick<Shop, "cluster" | "replicas" | "helm" | "stop"> {
  readonly registry: SharedRegistry;
}

class ClusterShop implements Shop {
  readonly cluster: Kubernetes;
  readonly replicas: Replicas;
  readonly helm: Shop["helm"];
  readonly stop: Shop["stop"];
  private readonly registry: SharedRegistry;
  private asking: Load | undefined;
  private released = 0;

  constructor({ cluster, replicas, registry, helm, stop }: Parts) {
    this.cluster = cluster;
    this.replicas = replicas;
    this.registry = registry;
    this.helm = helm;
    this.stop = stop;
  }

  /** Makes the filter and begins to ask. */
  async visit(): Promise<void> {
    const { image, mark } = await this.push("good");
    await this.cluster.apply({
      ...{ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: "mark", namespace: "shop" } },
      spec: { image, rollout: STEPS },
    });
    await this.everywhere(mark);
    this.asking = await startLoad(this.cluster, { namespace: "visitors", url: "http://web.shop/" });
  }

  get visits(): Load {
    return this.asking ?? assert.fail("nobody asks yet");
  }

  async push(fault: Fault): Promise<Release> {
    this.released += 1;
    const mark = `m${this.released}`;
    const pushed = await this.registry.push(`filters/mark:${mark}`, await faultyFilter(fault, mark));
    this.replicas.digests.set(mark, pushed.digest);
    return { mark, ...pushed };
  }

  async everywhere(mark: string, timeoutMs = 90_000): Promise<void> {
    const digest = this.replicas.digests.get(mark);
    await untilFilter(
      this.cluster,
      ["shop", "mark"],
      `${mark} everywhere by the status`,
      ({ status }) => status?.digest === digest && status?.rollout?.state === "Succeeded" && status.proxies?.updated === PROXIES,
      timeoutMs,
    );
    await this.allAnswer(mark);
  }

  async allAnswer(mark: string, of = (_pod: string) => true): Promise<void> {
    let last: string[] = [];
    await eventually(
      `every proxy to answer with ${mark}`,
      async () => {
        last = [...(await this.replicas.marks())].filter(([pod]) => of(pod)).map(([pod, each]) => `${pod}=${each}`);
        return last.length > 0 && last.every((each) => each.endsWith(`=${mark}`));
      },
      60_000,
      50,
    ).catch((error: Error) => {
      throw new Error(`${error.message}: ${last.join(" ")}`);
    });
  }

  async change(isOver: () => boolean): ReturnType<Shop["change"]> {
    let faulty = 0;
    for (let changes = 1; ; changes++) {
      const next = sleep(CHANGE_EVERY_MS);
      const isLast = isOver();
      const isFaulty = changes % FAULTY_EVERY === FAULTY_EVERY / 2 && !isLast;
      if (isFaulty) faulty += 1;
      const { mark, image } = await this.push(isFaulty ? "refusesOnProxy" : "good");
      await this.replicas.patch({ image });
      if (isLast) {
        await this.everywhere(mark);
        return { changes, faulty, last: mark };
      }
      await next;
    }
  }

  async underWatch(t: TestContext, work: (tell: Tell) => Promise<void>, isUnwritable?: () => boolean): Promise<void> {
    const tell = t.diagnostic.bind(t);
    const [before, watching] = [await this.visits.totals(), this.replicas.watch(isUnwritable)];
    try {
      await work(tell);
    } finally {
      await watching.stop();
    }
    const { requests, failed, unfiltered, failures } = await this.visits.since(before);
    const { truth } = watching;
    tell(`${requests} requests, ${failed} failed, ${unfiltered} unfiltered`);
    const behind = `a claim was behind for ${truth.longestMs.toFixed(0)} ms at most`;
    tell(
      `${truth.rounds} looks of ${truth.slowestMs.toFixed(0)} ms at most (${truth.close} close enough to judge by), ${truth.claims} claims, ${truth.lies().length} lies; ${behind}`,
    );
    assert.deepEqual({ failed, unfiltered, failures }, { failed: 0, unfiltered: 0, failures: [] });
    assert.deepEqual(truth.lies(), []);
    assert.deepEqual(truth.twoLeaders(), []);
  }

  async kill(pod: OperatorPod): Promise<void> {
    const { containerID, restartCount } = containerOf(pod);
    await this.cluster.killContainer(containerID);
    if (restartCount > 0)
      await this.cluster.kubectl(["delete", "pod", "-n", "weir-system", pod.metadata.name, "--grace-period=0", "--force"]);
  }

  async proxies(): Promise<readonly OperatorPod[]> {
    return (await this.cluster.get<{ items: readonly OperatorPod[] }>(["pods", "-n", "shop", "-l", "fleet=shop"])).items;
  }

  async connectedTo(pods: readonly OperatorPod[]): Promise<Set<string>> {
    const views = await Promise.all(pods.map((pod) => this.replicas.proxiesOf(pod)));
    return new Set(views.flatMap((view) => (view ?? []).flatMap(({ id, connected }) => (connected ? [id] : []))));
  }

  nft(container: string, ...commands: readonly string[]): Promise<string> {
    return this.cluster.runInNetworkOf(container, "nft", [commands.join("; ")]);
  }

  async lead(proxy: OperatorPod, to: OperatorPod): Promise<() => Promise<string>> {
    const connect = await this.cutOff(proxy, to);
    return connect();
  }

  async cutOff({ metadata, status }: OperatorPod, to: OperatorPod): ReturnType<Shop["cutOff"]> {
    const { containerID } = status.containerStatuses[0] ?? assert.fail();
    const chain = (name: string, type: string, hook: string) => `add chain inet lead ${name} { type ${type} hook ${hook} priority 0 ; }`;
    await this.nft(
      containerID,
      ...["add table inet lead", chain("to", "nat", "output"), chain("in", "filter", "input")],
      `add rule inet lead to tcp dport 18000 dnat ip to ${to.status.podIP}:18000`,
      // Its replica is told that the connection has ended; its Envoy hears of it with the next that it sends.
      "add rule inet lead in tcp sport 18000 reject with tcp reset",
    );
    const isAt = async (pods: readonly OperatorPod[]) => (await this.connectedTo(pods)).has(metadata.name);
    await eventually(`the end of ${metadata.name}'s connection`, async () => !(await isAt(await this.replicas.pods())), 30_000, 100);
    return async () => {
      await this.nft(containerID, "flush chain inet lead in");
      await eventually(`${metadata.name} at ${to.metadata.name}`, () => isAt([to]), 60_000, 50);
      return () => this.nft(containerID, "delete table inet lead");
    };
  }
}

/** Weir's own container of a replica's pod. */
export function containerOf({ status }: Pick<OperatorPod, "status">) {
  const found = status.containerStatuses.find(({ name }) => name === "weir");
  assert.ok(found !== undefined);
  return found;
}
