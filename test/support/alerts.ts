import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { ROOT } from "../../scripts/tests/files.ts";

/** The chart's file of rules. */
export const ALERTS = join(ROOT, "charts/weir/files/alerts.yaml");
const DASHBOARD = join(ROOT, "charts/weir/files/dashboard.json");

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The chart's alerts, in the order of their file. */
export async function readAlerts(): Promise<readonly Alert[]> {
  const { groups } = parse(await readFile(ALERTS, "utf8")) as { readonly groups: readonly { readonly rules: readonly Alert[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

/** What the chart's dashboard asks Prometheus for. */
export async function readDashboardQueries(): Promise<readonly string[]> {
  interface Panel {
    readonly targets?: readonly { readonly expr: string }[];
  }
  const { panels } = JSON.parse(await readFile(DASHBOARD, "utf8")) as { readonly panels: readonly Panel[] };
  return panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
}
