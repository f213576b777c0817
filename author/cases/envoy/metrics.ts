import type { Metric } from "../../../preflight/index.ts";
import type { RunningEnvoy } from "../../envoy/index.ts";

/** Where Envoy keeps the metrics of filters. */
const PREFIX = "wasmcustom.";

/** The metrics of all filters that this Envoy has had, by name; of histograms the sum. */
export async function readMetrics(envoy: Pick<RunningEnvoy, "get">): Promise<readonly Metric[]> {
  const text = await envoy.get(`/stats?filter=^${PREFIX}`);
  const names = text.split("\n").flatMap((line) => {
    const [, name, value] = /^wasmcustom\.(.+?): (.*)$/.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [{ name, value }];
  });
  if (names.length === 0) return [];
  const detail = await envoy.get(`/stats/prometheus?filter=^${PREFIX}`);
  return names.map(({ name, value }) => {
    const exported = name.replace(/[^A-Za-z0-9_]/g, "_");
    const type = new RegExp(`^# TYPE ${exported} (counter|gauge|histogram)$`, "m").exec(detail)?.[1] as Metric["type"] | undefined;
    if (type !== "histogram") return { type: type ?? "counter", name, value: BigInt(/^\d+$/.test(value) ? value : 0) };
    return { type, name, value: BigInt(Math.round(Number(new RegExp(`^${exported}_sum\\{\\} (\\S+)$`, "m").exec(detail)?.[1] ?? 0))) };
  });
}

/** Envoy keeps histograms in buckets: a sum is near the true one. */
const NEAR = 0.1;

/** Takes the true sum of a histogram where Envoy's is near it. */
export function withTrueSums(real: readonly Metric[], sandbox: readonly Metric[]): readonly Metric[] {
  return real.map((metric) => {
    const ours = sandbox.find(({ name }) => name === metric.name)?.value;
    const isNear = ours !== undefined && Math.abs(Number(metric.value - ours)) <= NEAR * Number(ours);
    return metric.type === "histogram" && isNear ? { ...metric, value: ours } : metric;
  });
}

/** VMs that a filter is configured in while it is loaded: one to try it, one on the main thread and one on the worker. */
const STARTED = 3n;

/** Counters and sums of histograms begin at nothing with each case; what was counted while the filter was loaded is that of one of its VMs. A gauge is what it is. */
export function metricsSince(before: readonly Metric[], loaded: readonly Metric[], now: readonly Metric[]): readonly Metric[] {
  const valueIn = (metrics: readonly Metric[], name: string) => metrics.find((metric) => metric.name === name)?.value ?? 0n;
  return now.map((metric) => {
    if (metric.type === "gauge") return metric;
    const [first, second] = [valueIn(before, metric.name), valueIn(loaded, metric.name)];
    return { ...metric, value: metric.value - second + (second - first) / STARTED };
  });
}
