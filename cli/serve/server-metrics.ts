import { Gauge, type Registry } from "prom-client";
import type { ReplicaPeers } from "../../cluster/index.ts";
import type { HeardLeadership } from "../../model/leadership.ts";
import type { Source } from "../../operator/index.ts";

export interface ServerFacts {
  readonly version: string;
  readonly source: Pick<Source, "isFollowed">;
  readonly leadership: Pick<HeardLeadership, "isLeading" | "isHeard">;
  /** Absent: it is alone. */
  readonly peers?: Pick<ReplicaPeers, "counts"> | undefined;
}

/** Gauges of what this server is among its replicas, and of whether it hears what is asked for, read when somebody looks. */
export function registerServerMetrics(registry: Registry, { version, source, leadership, peers }: ServerFacts): void {
  const registers = [registry];
  const is = (name: string, help: string, holds: () => boolean) => {
    const gauge = new Gauge({
      name,
      help,
      registers,
      collect() {
        gauge.set(holds() ? 1 : 0);
      },
    });
  };
  new Gauge({ name: "weir_build_info", help: "1, with the version of Weir.", registers, labelNames: ["version"] }).set({ version }, 1);
  is("weir_leading", "1 when this server decides.", () => leadership.isLeading());
  is("weir_leader_heard", "1 when this server decides, or hears from the one that does.", () => leadership.isHeard());
  is("weir_source_followed", "1 while changes of WasmFilters are heard of.", () => source.isFollowed());
  const gauge = new Gauge({
    name: "weir_peers",
    help: "Other replicas, by whether they answer this one.",
    registers,
    labelNames: ["state"],
    collect() {
      const { reached, away } = peers?.counts() ?? { reached: 0, away: 0 };
      gauge.set({ state: "reached" }, reached);
      gauge.set({ state: "away" }, away);
    },
  });
}
