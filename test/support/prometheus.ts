import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installGoTool } from "../../scripts/tools/go.ts";
import { ALERTS } from "./alerts.ts";
import { startOnReservedPort } from "./ports.ts";
import { eventually, startProcess } from "./process.ts";
import { createTempFolder } from "./temp-folder.ts";

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  /** When, in seconds, and the number. */
  readonly value: readonly [number, string];
}

/** A running Prometheus that scrapes twice a second and evaluates its rules as often. https://prometheus.io/docs/prometheus/latest/querying/api/ */
export interface Prometheus {
  /** What a query gives now. Throws with Prometheus' words when it is not valid. */
  query(expression: string): Promise<readonly Series[]>;
  /** Names of the alerts that fire, sorted. */
  firing(): Promise<readonly string[]>;
  /** Waits until these alerts fire. */
  fires(...names: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

export interface PrometheusOptions {
  /** `host:port` of what it scrapes at /metrics. */
  readonly targets: readonly string[];
  /** Text of a file of rules. */
  readonly rules: string;
}

/** The chart's rules without their waiting times. Subqueries, which look at whole minutes of the clock alone, look at its seconds. */
export async function rulesAtOnce(): Promise<string> {
  return (await readFile(ALERTS, "utf8")).replace(/^ *for: .*\n/gm, "").replaceAll("[30m:1m]", "[5m:1s]");
}

export function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  return startOnReservedPort((port) => start(port, options));
}

async function start(port: number, { targets, rules }: PrometheusOptions): Promise<Prometheus> {
  const binary = await installGoTool("prometheus");
  const folder = await createTempFolder("prometheus");
  await writeFile(join(folder.path, "rules.yaml"), rules);
  const config = {
    global: { scrape_interval: "500ms", scrape_timeout: "500ms", evaluation_interval: "500ms" },
    rule_files: ["rules.yaml"],
    // As the chart's ServiceMonitor does it: a target has the namespace of Weir's pod, a filter's own counts.
    scrape_configs: [{ job_name: "weir", honor_labels: true, static_configs: [{ targets, labels: { namespace: "weir-system" } }] }],
  };
  await writeFile(join(folder.path, "prometheus.yml"), JSON.stringify(config));
  const url = `http://127.0.0.1:${port}`;
  const flags = [`--config.file=${join(folder.path, "prometheus.yml")}`, `--storage.tsdb.path=${join(folder.path, "data")}`];
  const server = await startProcess(binary, [...flags, `--web.listen-address=127.0.0.1:${port}`], { name: "prometheus" });
  const stop = async () => {
    await server.stop();
    await folder.remove();
  };

  async function api<T>(path: string): Promise<T> {
    const response = await fetch(`${url}/api/v1/${path}`, { signal: AbortSignal.timeout(10_000) });
    const answer = (await response.json()) as { status: string; error?: string; data: T };
    if (answer.status !== "success") throw new Error(answer.error ?? `status ${response.status}`);
    return answer.data;
  }

  try {
    await server.waitFor("readiness", async () => (await fetch(`${url}/-/ready`)).ok);
  } catch (error) {
    await stop();
    throw error;
  }
  const firing = async () => {
    const { alerts } = await api<{ alerts: readonly { state: string; labels: { alertname: string } }[] }>("alerts");
    return [...new Set(alerts.filter(({ state }) => state === "firing").map(({ labels }) => labels.alertname))].sort();
  };
  return {
    stop,
    query: async (expression) => (await api<{ result: readonly Series[] }>(`query?query=${encodeURIComponent(expression)}`)).result,
    firing,
    async fires(...names) {
      let last: readonly string[] = [];
      const seen = async () => {
        last = await firing();
        return names.every((name) => last.includes(name));
      };
      await eventually(`${names.join(", ")} to fire`, seen, 90_000).catch((error: Error) => {
        throw new Error(`${error.message}; these do: ${last.join(", ")}`);
      });
    },
  };
}
