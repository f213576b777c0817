import type { Fleet } from "../../model/delivery.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";

function label(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function family(name: string, help: string, samples: readonly string[]): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${samples.map((sample) => `${name}${sample}\n`).join("")}`;
}

/** Gauges in the Prometheus text format. https://prometheus.io/docs/instrumenting/exposition_formats/ */
export function metricsText(filters: readonly WasmFilter[], fleet: Pick<Fleet, "proxies">): string {
  const proxies: string[] = [];
  const ready: string[] = [];
  const revisions: string[] = [];
  for (const { metadata, status } of filters) {
    const name = `namespace="${label(metadata.namespace ?? "default")}",name="${label(metadata.name)}"`;
    for (const state of ["updated", "rejected", "pending"] as const) {
      proxies.push(`{${name},state="${state}"} ${status?.proxies?.[state] ?? 0}`);
    }
    const isReady = status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True");
    ready.push(`{${name}} ${isReady ? 1 : 0}`);
    if (status?.revision !== undefined) revisions.push(`{${name},which="target"} ${status.revision}`);
    if (status?.stableRevision !== undefined) revisions.push(`{${name},which="stable"} ${status.stableRevision}`);
  }
  let connected = 0;
  for (const proxy of fleet.proxies()) if (proxy.connected) connected++;
  return [
    family("weir_filter_proxies", "Matched proxies of a filter by what they do with its revision.", proxies),
    family("weir_filter_ready", "1 when a filter's Ready condition is True.", ready),
    family("weir_filter_revision", "Number of a filter's target and stable revision.", revisions),
    family("weir_proxies_connected", "Proxies with an xDS stream.", [` ${connected}`]),
    family("weir_process_resident_memory_bytes", "Memory of this process.", [` ${process.memoryUsage.rss()}`]),
  ].join("");
}
