import { Gauge, type Registry } from "prom-client";
import type { FleetView, ProxyNode } from "../../model/delivery.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";

const FILTER = ["namespace", "name"] as const;

/** Gauges of the filters and their proxies, read when somebody looks. A series is a filter's, never a proxy's. */
export function registerFilterMetrics(registry: Registry, filters: () => readonly WasmFilter[], fleet: Pick<FleetView, "proxies">): void {
  registerFilters(registry, filters);
  registerCount("weir_proxies_connected", "Proxies with an xDS stream.", ({ connected }) => connected);
  registerCount("weir_proxies_hung", "Proxies with a worker thread that does not return.", ({ hungSince }) => hungSince !== undefined);

  function registerCount(name: string, help: string, counts: (proxy: ProxyNode) => boolean): void {
    const gauge = new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        let count = 0;
        for (const proxy of fleet.proxies()) if (counts(proxy)) count++;
        gauge.set(count);
      },
    });
  }
}

/** The first gauge of a registry is collected first: it fills them all, so that the filters are asked for once. */
function registerFilters(registry: Registry, filters: () => readonly WasmFilter[]): void {
  const registers = [registry];
  const ready = new Gauge({
    name: "weir_filter_ready",
    help: "1 when a filter's Ready condition is True.",
    registers,
    labelNames: FILTER,
    collect() {
      for (const gauge of [ready, doubtful, proxies, revisions]) gauge.reset();
      for (const filter of filters()) observe(filter);
    },
  });
  const doubtful = new Gauge({
    name: "weir_filter_watch_failed",
    help: "1 when a filter's revision does worse than what was before it and stays, as there is none to go back to or spec.rollout.autoRollback is off.",
    registers,
    labelNames: FILTER,
  });
  const proxies = new Gauge({
    name: "weir_filter_proxies",
    help: "Matched proxies of a filter by what they do with its revision.",
    registers,
    labelNames: [...FILTER, "state"],
  });
  const revisions = new Gauge({
    name: "weir_filter_revision",
    help: "Number of a filter's target and stable revision.",
    registers,
    labelNames: [...FILTER, "which"],
  });

  function observe({ metadata: { namespace = "default", name }, status }: WasmFilter): void {
    const isReady = status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True");
    const isDoubtful = status?.conditions?.some(({ reason }) => reason === "WatchFailed");
    ready.set({ namespace, name }, isReady ? 1 : 0);
    doubtful.set({ namespace, name }, isDoubtful ? 1 : 0);
    for (const state of ["updated", "rejected", "pending"] as const) proxies.set({ namespace, name, state }, status?.proxies?.[state] ?? 0);
    if (status?.revision !== undefined) revisions.set({ namespace, name, which: "target" }, status.revision);
    if (status?.stableRevision !== undefined) revisions.set({ namespace, name, which: "stable" }, status.stableRevision);
  }
}
