import pLimit from "p-limit";
import type { WasmFilter } from "../../../model/gen/wasmfilter.ts";
import type { Fields, KubeApi } from "../../../model/kube.ts";
import { pushModule } from "../../../oci/index.ts";
import { accessTo, installCrds, kubectl, startCluster } from "../cluster.ts";
import { faultyFilter } from "../faulty.ts";
import { eventually } from "../process.ts";
import { startRegistry } from "../registry.ts";
import { OWN_NAMESPACE } from "../replica-scene.ts";
import { createTempFolder } from "../temp-folder.ts";
import { type Bill, createMeter, type Meter } from "./bill.ts";
import { type Filters, followFilters } from "./filters.ts";
import { type LightProxy, startLightProxy } from "./light-proxy.ts";
import { type MeteredReplica, REPLICAS, startReplicas } from "./metered-replica.ts";

/** Three real `weir serve` on a real API server, and thousands of light proxies: what a change costs each of them. */
export interface ScaleScene {
  readonly replicas: readonly MeteredReplica[];
  /** So many proxies in all, with their filters, all in force; the proxies are divided evenly among the replicas. What that cost. */
  grow(proxies: number): Promise<Bill>;
  /** Changes the first so many filters, which have ten proxies each, or the one that every proxy has; what that costs until nothing is left to do. */
  change(filters: Which): Promise<Bill>;
  /** What nothing costs for so long. `reports`: every proxy sends its counters once a second. */
  rest(ms: number, reports?: boolean): Promise<Bill>;
  stop(): Promise<void>;
}

/** Proxies of a namespace, and of each of its filters. */
const IN_NAMESPACE = 100;
const OF_FILTER = 10;
const EVERYONE = "everyone";
/** Nothing is left to do when nothing was written and sent for this long: more than the pace of status writes. */
const QUIET_MS = 700;
/** Requests and connections at a time. */
const AT_ONCE = 32;
const WAIT_MS = 600_000;
/** Of a request that nobody answered. */
const TRIES = 5;

export async function startScaleScene(): Promise<ScaleScene> {
  const open: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const close of open.reverse()) await close();
  };
  try {
    const folder = await createTempFolder("scale");
    open.push(folder.remove);
    const [cluster, registry] = await Promise.all([startCluster(), startRegistry()]);
    open.push(cluster.stop, registry.stop);
    await installCrds(cluster);
    const image = `${registry.host}/filters/scale:1`;
    const pushed = await pushModule(image, await faultyFilter("good", "scale"), { keychain: new Map() });
    if (!pushed.ok) throw new Error(pushed.error.message);
    await kubectl(["create", "namespace", OWN_NAMESPACE], cluster);
    const replicas = await startReplicas(cluster, { folder: folder.path, open });
    const { api, follow } = accessTo(cluster.kubeconfig);
    const filters = await followFilters(api, follow);
    open.push(filters.stop);
    const fleet = new ScaledFleet({ api, replicas, filters, image });
    open.push(async () => fleet.close());
    return { replicas, ...sceneOf(fleet), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function sceneOf(fleet: ScaledFleet): Pick<ScaleScene, "grow" | "change" | "rest"> {
  const leader = async () => (await eventually("a leader", () => fleet.leader(), WAIT_MS)).index;
  const meter = createMeter(fleet.replicas, leader, fleet.filters.writes);
  return {
    grow: (proxies) => meter.bill(() => fleet.grow(proxies)),
    change: (filters) => fleet.change(filters, meter),
    rest: (ms, reports = false) => fleet.rest(ms, reports, meter),
  };
}

interface Parts {
  readonly api: KubeApi;
  readonly replicas: readonly MeteredReplica[];
  readonly filters: Filters;
  readonly image: string;
}

const filterPath = (namespace: string) => `/apis/weir.dev/v1alpha1/namespaces/${namespace}/wasmfilters`;

class ScaledFleet {
  readonly replicas: readonly MeteredReplica[];
  readonly filters: Filters;
  private readonly api: KubeApi;
  private readonly image: string;
  private readonly proxies: LightProxy[] = [];
  /** Each filter's newest revision: every change makes one. */
  private readonly revisions = new Map<Which, number>();
  private turn = 1;

  constructor({ api, replicas, filters, image }: Parts) {
    this.api = api;
    this.replicas = replicas;
    this.filters = filters;
    this.image = image;
  }

  async leader(): Promise<{ readonly index: number } | undefined> {
    const metrics = await Promise.all(this.replicas.map(({ weir }) => weir.metrics()));
    const index = metrics.findIndex((text) => text.includes("\nweir_leading 1"));
    const hasAll = metrics.every((text) => text.includes(`\nweir_peers{state="reached"} ${REPLICAS - 1}`));
    return index < 0 || !hasAll ? undefined : { index };
  }

  async grow(size: number): Promise<void> {
    const from = this.proxies.length;
    if (from === 0) await this.create(OWN_NAMESPACE, EVERYONE, {});
    const numbers = Array.from({ length: size - from }, (_, i) => from + i);
    const namespaces = numbers.filter((n) => n % IN_NAMESPACE === 0).map((n) => `ns-${n / IN_NAMESPACE}`);
    await inTurns(namespaces, (name) => this.ask("POST", "/api/v1/namespaces", { metadata: { name } }));
    await inTurns(numbers, (n) => this.connect(n));
    // Those that come later have filters of a hundred proxies: what stands by is as large, and is there sooner.
    const ofFilter = from === 0 ? OF_FILTER : IN_NAMESPACE;
    const firsts = numbers.filter((n) => n % ofFilter === 0);
    await inTurns(firsts, (n) => this.create(...nameOf(n / OF_FILTER), from === 0 ? { matchLabels: groupOf(n) } : {}));
    await this.settled([EVERYONE]);
    await this.settled(
      firsts.map((n) => n / OF_FILTER),
      ofFilter,
    );
  }

  async change(filters: Which, meter: Meter): Promise<Bill> {
    this.turn += 1;
    const which: readonly Which[] = filters === EVERYONE ? [EVERYONE] : Array.from({ length: filters }, (_, i) => i);
    const { turn } = this;
    return meter.bill(async () => {
      await inTurns(which, async (each) => {
        const [namespace, name] = nameOf(each);
        this.revisions.set(each, (this.revisions.get(each) ?? 1) + 1);
        await this.ask("PATCH", `${filterPath(namespace)}/${name}`, { spec: { config: { turn } } });
      });
      await this.settled(which);
    });
  }

  async rest(ms: number, reports: boolean, meter: Meter): Promise<Bill> {
    return meter.bill(async () => {
      const until = performance.now() + ms;
      while (performance.now() < until) {
        const next = performance.now() + 1_000;
        if (reports) for (const proxy of this.proxies) proxy.report();
        await new Promise((done) => setTimeout(done, Math.max(0, Math.min(next, until) - performance.now())));
      }
    });
  }

  close(): void {
    for (const proxy of this.proxies) proxy.close();
  }

  private async connect(n: number): Promise<void> {
    const { weir, proxies: traffic } = this.replicas[n % REPLICAS] as MeteredReplica;
    const [namespace] = nameOf(n / OF_FILTER);
    const proxy = startLightProxy({ port: weir.xdsPort, id: `proxy-${n}`, namespace, labels: { ...groupOf(n), app: namespace }, traffic });
    this.proxies[n] = proxy;
    await proxy.answered;
  }

  private create(namespace: string, name: string, selector: unknown): Promise<unknown> {
    // With a short history the objects are as large after the first changes as after the last.
    const rollout = { steps: [{ percent: 100 }] };
    const spec = { image: this.image, selector, config: { turn: this.turn }, rollout, revisionHistoryLimit: 2 };
    return this.ask("POST", filterPath(namespace), { ...OBJECT, metadata: { name, namespace }, spec });
  }

  private async ask(method: "POST" | "PATCH", path: string, body: unknown): Promise<Fields> {
    const contentType = method === "PATCH" ? { contentType: "application/merge-patch+json" } : {};
    for (let left = TRIES; ; left--) {
      const answer = await this.api.request({ method, path, body, ...contentType });
      if (answer.ok) return answer.value;
      // A busy machine: what was asked before may have been done.
      if (answer.error.status === 409) return {};
      if (answer.error.status !== 0 || left === 0) throw new Error(`${method} ${path}: ${answer.error.message}`);
    }
  }

  /** Waits until these filters are in force on all of their proxies, and nothing is left to do. */
  private async settled(which: readonly Which[], ofFilter = OF_FILTER): Promise<void> {
    const isDone = (each: Which) => {
      const proxies = each === EVERYONE ? this.proxies.length : ofFilter;
      return isInForce(this.filters.get(nameOf(each).join("/")), this.revisions.get(each) ?? 1, proxies);
    };
    await eventually(`${which.length} filters in force`, () => which.every(isDone), WAIT_MS, 50).catch((error: Error) => {
      const late = which.find((each) => !isDone(each)) ?? EVERYONE;
      const has = JSON.stringify(this.filters.get(nameOf(late).join("/"))?.status, null, 1);
      throw new Error(`${error.message}; ${nameOf(late).join("/")} is to have ${this.revisions.get(late)} and has ${has}`);
    });
    const work = () => this.filters.writes() + this.replicas.reduce((sum, { proxies }) => sum + proxies.responses, 0);
    for (let before = -1; before !== work(); ) {
      before = work();
      await new Promise((done) => setTimeout(done, QUIET_MS));
    }
    const ended = this.replicas.reduce((sum, { proxies }) => sum + proxies.ended, 0);
    if (ended > 0) throw new Error(`${ended} calls of proxies ended`);
  }
}

const OBJECT = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter" };

/** A filter of ten proxies, by its number, or the one that every proxy has; of a change: the first so many of them. */
export type Which = number | "everyone";

/** Namespace and name of a filter. */
function nameOf(filter: Which): readonly [string, string] {
  if (filter === EVERYONE) return [OWN_NAMESPACE, EVERYONE];
  const perNamespace = IN_NAMESPACE / OF_FILTER;
  return [`ns-${Math.floor(filter / perNamespace)}`, `filter-${Math.floor(filter % perNamespace)}`];
}

/** The label by which a filter selects its proxies. */
function groupOf(proxy: number): Readonly<Record<string, string>> {
  return { group: nameOf(proxy / OF_FILTER)[1] };
}

/** `revision`: the number of the one that it is to have. */
function isInForce(filter: WasmFilter | undefined, revision: number, proxies: number): boolean {
  const { stableRevision, rollout, proxies: has } = filter?.status ?? {};
  return stableRevision === revision && rollout?.state === "Succeeded" && has?.updated === proxies;
}

async function inTurns<T>(items: readonly T[], run: (item: T) => Promise<unknown>): Promise<void> {
  await pLimit(AT_ONCE).map(items, run);
}
