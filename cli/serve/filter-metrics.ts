import { Gauge, type Registry } from "prom-client";
import type { FleetView } from "../../model/delivery.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";

const FILTER = ["namespace", "name"] as const;

/** Gauges of the filters and their proxies, read when somebody looks. One series a filter: never one a proxy. */
export function registerFilterMetrics(registry: Registry, filters: () => readonly WasmFilter[], fleet: Pick<FleetView, "proxies">): void {
  const registers = [registry];
  new Gauge({
    name: "weir_filter_proxies",
    help: "Matched proxies of a filter by what they do with its revision.",
    registers,
    labelNames: [...FILTER, "state"],
    collect() {
      this.reset();
      for (const { metadata, status } of filters()) {
        for (const state of ["updated", "rejected", "pending"] as const)
          this.set({ ...nameOf(metadata), state }, status?.proxies?.[state] ?? 0);
      }
    },
  });
  new Gauge({
    name: "weir_filter_ready",
    help: "1 when a filter's Ready condition is True.",
    registers,
    labelNames: FILTER,
    collect() {
      this.reset();
      for (const { metadata, status } of filters()) {
        const ready = status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True");
        this.set(nameOf(metadata), ready ? 1 : 0);
      }
    },
  });
  new Gauge({
    name: "weir_filter_revision",
    help: "Number of a filter's target and stable revision.",
    registers,
    labelNames: [...FILTER, "which"],
    collect() {
      this.reset();
      for (const { metadata, status } of filters()) {
        if (status?.revision !== undefined) this.set({ ...nameOf(metadata), which: "target" }, status.revision);
        if (status?.stableRevision !== undefined) this.set({ ...nameOf(metadata), which: "stable" }, status.stableRevision);
      }
    },
  });
  new Gauge({
    name: "weir_proxies_connected",
    help: "Proxies with an xDS stream.",
    registers,
    collect() {
      let connected = 0;
      for (const proxy of fleet.proxies()) if (proxy.connected) connected++;
      this.set(connected);
    },
  });
}

function nameOf({ namespace = "default", name }: WasmFilter["metadata"]): { readonly namespace: string; readonly name: string } {
  return { namespace, name };
}
