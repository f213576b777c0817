import { eventually } from "../process.ts";
import type { Kubernetes } from "./index.ts";
import { appContainer } from "./pods.ts";

/** What was counted since the requests began; `tools/app/load.go` has the fields' meaning. */
export interface Totals {
  readonly requests: number;
  readonly failed: number;
  readonly unfiltered: number;
  readonly values: Readonly<Record<string, number>>;
  readonly failures: readonly string[];
  readonly slowestMs: number;
}

/** Requests that a pod sends without a break, half of them over connections that stay open and half over a new one each. */
export interface Load {
  readonly pod: string;
  totals(): Promise<Totals>;
  /** What was counted since `before`. */
  since(before: Totals): Promise<Totals>;
  /** Waits until so many more requests were answered. */
  more(count: number): Promise<void>;
}

export interface LoadOptions {
  readonly name?: string;
  readonly namespace: string;
  readonly url: string;
  readonly header?: string;
  readonly every?: string;
  readonly workers?: number;
}

const PORTS = { open: 9090, fresh: 9091 } as const;

/** Starts the pod and waits until it asks. */
export async function startLoad(cluster: Kubernetes, options: LoadOptions): Promise<Load> {
  const { name = "visitor", namespace, url, header = "x-weir", every = "20ms", workers = 2 } = options;
  const container = (kind: keyof typeof PORTS) => {
    const flags = ["-header", header, "-every", every, "-workers", `${workers}`, "-address", `:${PORTS[kind]}`];
    return appContainer(["load", ...flags, ...(kind === "fresh" ? ["-fresh"] : []), url], { name: kind });
  };
  const spec = { terminationGracePeriodSeconds: 1, containers: [container("open"), container("fresh")] };
  await cluster.apply({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace, labels: { app: name } }, spec });
  await cluster.kubectl(["wait", "-n", namespace, "--for=condition=Ready", `pod/${name}`, "--timeout=60s"]);
  const { podIP } = (await cluster.get(["pod", name, "-n", namespace])).status;
  const ports = [await cluster.forward(podIP, PORTS.open), await cluster.forward(podIP, PORTS.fresh)];
  const totals = async () => {
    const parts = await Promise.all(ports.map(async (port) => (await (await fetch(`http://127.0.0.1:${port}`)).json()) as Totals));
    return parts.reduce(add);
  };
  await eventually("the first requests", async () => (await totals()).requests > 0);
  return {
    pod: name,
    totals,
    since: async (before) => subtract(await totals(), before),
    async more(count) {
      const before = await totals();
      await eventually(`${count} more requests`, async () => (await totals()).requests >= before.requests + count, 120_000, 200);
    },
  };
}

function add(a: Totals, b: Totals): Totals {
  return {
    requests: a.requests + b.requests,
    failed: a.failed + b.failed,
    unfiltered: a.unfiltered + b.unfiltered,
    values: combine(a.values, b.values, 1),
    failures: [...a.failures, ...b.failures],
    slowestMs: Math.max(a.slowestMs, b.slowestMs),
  };
}

function subtract(now: Totals, before: Totals): Totals {
  return {
    requests: now.requests - before.requests,
    failed: now.failed - before.failed,
    unfiltered: now.unfiltered - before.unfiltered,
    values: combine(now.values, before.values, -1),
    failures: now.failures.filter((line) => !before.failures.includes(line)),
    slowestMs: now.slowestMs,
  };
}

function combine(a: Totals["values"], b: Totals["values"], sign: 1 | -1): Record<string, number> {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  const counts = names.map((name) => [name, (a[name] ?? 0) + sign * (b[name] ?? 0)] as const);
  return Object.fromEntries(counts.filter(([, count]) => count !== 0));
}
