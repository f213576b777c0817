import { Status } from "../values/status.ts";

export const METRIC_TYPES = ["counter", "gauge", "histogram"] as const;
export type MetricType = (typeof METRIC_TYPES)[number];

export interface Metric {
  readonly type: MetricType;
  readonly name: string;
  /** Of a histogram: the sum of what was recorded. */
  readonly value: bigint;
}

/** The plugin's metrics. The type is in the low two bits of an id, as in Envoy; defining a name again gives a further id for the same metric. */
export interface Metrics {
  define(type: number, name: string): number | undefined;
  increment(id: number, offset: bigint): number;
  record(id: number, value: bigint): number;
  /** A value, or the status that says why there is none. */
  get(id: number): bigint | number;
  list(): readonly Metric[];
}

export function createMetrics(): Metrics {
  const metrics = new Map<string, { type: MetricType; name: string; value: bigint }>();
  const ids = new Map<number, { type: MetricType; name: string; value: bigint }>();
  const defined = [0, 0, 0];
  return {
    define(type, name) {
      const kind = METRIC_TYPES[type];
      if (kind === undefined) return undefined;
      const metric = metrics.get(`${kind} ${name}`) ?? { type: kind, name, value: 0n };
      metrics.set(`${kind} ${name}`, metric);
      defined[type] = (defined[type] ?? 0) + 1;
      const id = type + 4 * (defined[type] ?? 0);
      ids.set(id, metric);
      return id;
    },
    increment(id, offset) {
      if ((id & 3) > 1) return Status.BadArgument;
      const metric = ids.get(id);
      if (metric === undefined) return Status.NotFound;
      if (metric.type === "counter" && offset <= 0n) return Status.BadArgument;
      metric.value += offset;
      return Status.Ok;
    },
    record(id, value) {
      const metric = ids.get(id);
      if (metric === undefined) return Status.NotFound;
      metric.value = metric.type === "gauge" ? value : metric.value + value;
      return Status.Ok;
    },
    get(id) {
      if ((id & 3) > 1) return Status.BadArgument;
      return ids.get(id)?.value ?? Status.NotFound;
    },
    list: () => [...metrics.values()].map((metric) => ({ ...metric })),
  };
}
