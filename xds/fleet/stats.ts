import type { ProxyHealth } from "../../model/delivery.ts";
import { filterId } from "../../model/filter.ts";
import { MANAGED_STAT_PREFIX } from "../envoy/managed.ts";
import type { Metric, MetricFamily } from "../gen/io/prometheus/client/metrics.ts";
import type { Ledger } from "./ledger.ts";
import type { ProxyRecord } from "./proxy.ts";

/** False for what no proxy counts: the numbers decide about rollouts, and whoever sends them chooses them. */
function isTotal(value: number): boolean {
  return value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}

/** The few statistics that tell how a proxy is doing. Envoy streams counters as totals, and only those that changed. */
export interface ProxyStats {
  take(families: readonly MetricFamily[], now: number): void;
  health(): ProxyHealth | undefined;
}

/** Names kept of one proxy. A bound on memory: no real proxy has that many. */
const MAX_NAMES = 512;

/** Requests of the proxy's own HTTP connection managers; the admin interface is not its traffic. */
const REQUESTS = /^http\.(?!admin\.)[^.]+\.(downstream_rq_completed|downstream_rq_5xx|downstream_rq_time)$/;
/** https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/wasm_filter#statistics */
const VM_RELOADS = /^wasm\.(.+)\.vm_reload_(success|failure|backoff)$/;

/** True for the name of a family that is kept. */
export function isKept(name: string): boolean {
  return REQUESTS.test(name) || VM_RELOADS.test(name);
}

/**
 * The families of this proxy's own: the listener that Weir gave it, where it did, and the filters that it asks for. What else goes through the same Envoy
 * is not what a rollout is judged by. The cost is that of its names and of the families, not of one times the other: a client chooses both.
 */
export function ownOf({ node, ledgers }: ProxyRecord, families: readonly MetricFamily[]): readonly MetricFamily[] {
  let plugins: ReadonlySet<string> | undefined;
  return families.filter(({ name = "" }) => {
    const plugin = VM_RELOADS.exec(name)?.[1];
    if (plugin === undefined) return node.managed === undefined || name.startsWith(`http.${MANAGED_STAT_PREFIX}.`);
    plugins ??= pluginsOf(ledgers.values());
    return plugins.has(plugin);
  });
}

/** The filters that are run or should be, by the names of their plugins. */
function pluginsOf(ledgers: Iterable<Pick<Ledger, "running" | "desired">>): ReadonlySet<string> {
  const plugins = new Set<string>();
  for (const { running, desired } of ledgers) {
    for (const { filter, plugin } of [...(running?.filters ?? []), ...(desired?.filters ?? [])]) {
      plugins.add(filterId(filter));
      if (plugin !== undefined) plugins.add(plugin);
    }
  }
  return plugins;
}

export function createProxyStats(): ProxyStats {
  const values = new Map<string, number>();
  let at = 0;

  function keep(name: string, value: number): void {
    if (values.has(name) || values.size < MAX_NAMES) values.set(name, value);
  }

  function add(name: string, value: number): void {
    keep(name, (values.get(name) ?? 0) + value);
  }

  function sum(suffix: string): number {
    let total = 0;
    for (const [name, value] of values) if (name.endsWith(suffix)) total += value;
    return total;
  }

  return {
    take(families, now) {
      at = now;
      for (const { name = "", metric } of families) {
        if (!isKept(name)) continue;
        const sample: Metric | undefined = metric?.[0];
        if (sample?.counter !== undefined) {
          const { value = 0 } = sample.counter;
          // A counter rises for as long as its stream lasts.
          if (isTotal(value) && value >= (values.get(name) ?? 0)) keep(name, value);
        }
        if (sample?.summary !== undefined) {
          // Unlike counters, a summary covers one flush interval only.
          const count = Number(sample.summary.sampleCount ?? 0);
          const { sampleSum = 0 } = sample.summary;
          if (!isTotal(count) || !isTotal(sampleSum)) continue;
          add(`${name}.count`, count);
          add(`${name}.sum`, sampleSum);
        }
      }
    },
    health() {
      if (at === 0) return undefined;
      const vmFailures = new Map<string, number>();
      for (const [name, value] of values) {
        const plugin = VM_RELOADS.exec(name)?.[1];
        if (plugin !== undefined) vmFailures.set(plugin, (vmFailures.get(plugin) ?? 0) + value);
      }
      return {
        at,
        requests: sum(".downstream_rq_completed"),
        errors5xx: sum(".downstream_rq_5xx"),
        latencySumMs: sum(".downstream_rq_time.sum"),
        latencyCount: sum(".downstream_rq_time.count"),
        vmFailures,
      };
    },
  };
}
