import { Gauge, type Registry } from "prom-client";
import { findCondition } from "../../model/condition.ts";
import type { FleetView, ProxyNode } from "../../model/delivery.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";

const FILTER = ["namespace", "name"] as const;
/** Reasons of Resolved that are no failure. */
const NOT_LOOKED: ReadonlySet<string> = new Set(["Pending", "Suspended"]);

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
      for (const gauge of [ready, unready, unresolved, doubtful, proxies, revisions, rollouts]) gauge.reset();
      for (const filter of filters()) observe(filter);
    },
  });
  const unready = new Gauge({
    name: "weir_filter_not_ready_timestamp_seconds",
    help: "Since when a filter's Ready condition is not True, by its reason, and whether somebody has to act.",
    registers,
    labelNames: [...FILTER, "reason", "state"],
  });
  const unresolved = new Gauge({
    name: "weir_filter_not_resolved_timestamp_seconds",
    help: "Since when a filter's reference cannot be resolved, by the reason, whether an earlier revision serves or not.",
    registers,
    labelNames: [...FILTER, "reason"],
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
  const rollouts = new Gauge({
    name: "weir_filter_rollout_timestamp_seconds",
    help: "When a filter's last rollout began, by the state that it is in.",
    registers,
    labelNames: [...FILTER, "state"],
  });

  function observe({ metadata: { namespace = "default", name }, status }: WasmFilter): void {
    const now = findCondition(status, "Ready");
    const isReady = now?.status === "True";
    const isStalled = findCondition(status, "Stalled")?.status === "True";
    const isDoubtful = status?.conditions?.some(({ reason }) => reason === "WatchFailed");
    ready.set({ namespace, name }, isReady ? 1 : 0);
    doubtful.set({ namespace, name }, isDoubtful ? 1 : 0);
    for (const state of ["updated", "rejected", "pending"] as const) proxies.set({ namespace, name, state }, status?.proxies?.[state] ?? 0);
    if (now !== undefined && !isReady)
      unready.set(
        { namespace, name, reason: word(now.reason), state: isStalled ? "stalled" : "reconciling" },
        seconds(now.lastTransitionTime),
      );
    const look = findCondition(status, "Resolved");
    if (look !== undefined && look.status !== "True" && !NOT_LOOKED.has(look.reason))
      unresolved.set({ namespace, name, reason: word(look.reason) }, seconds(look.lastTransitionTime));
    const { state, startTime } = status?.rollout ?? {};
    if (state !== undefined) rollouts.set({ namespace, name, state }, seconds(startTime));
    if (status?.revision !== undefined) revisions.set({ namespace, name, which: "target" }, status.revision);
    if (status?.stableRevision !== undefined) revisions.set({ namespace, name, which: "stable" }, status.stableRevision);
  }
}

/** Whoever may write statuses may write anything there: what no Weir wrote is one word, and no text. */
function word(reason: string): string {
  return /^[A-Z][A-Za-z0-9]{0,63}$/.test(reason) ? reason : "Other";
}

/** Seconds since the epoch; 0: it is not known. */
function seconds(time: string | undefined): number {
  return time === undefined ? 0 : Date.parse(time) / 1_000 || 0;
}
