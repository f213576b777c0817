import assert from "node:assert/strict";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { stringify } from "yaml";
import { installGoTool } from "../scripts/tools/go.ts";
import { run } from "../scripts/tools/run.ts";
import { ALERTS, type Alert, readAlerts } from "./support/alerts.ts";
import { createSnippets } from "./support/snippets.ts";
import { createTempFolder } from "./support/temp-folder.ts";

/** What Prometheus scraped each minute (or hour), and what is told after 50 of them and not after 19. */
interface Case {
  readonly alert: string;
  readonly every?: "1h";
  /** By series: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/#series */
  readonly series: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly summary: string;
}

const FILTER = 'namespace="shop",name="auth"';
const OF_FILTER = { namespace: "shop", name: "auth" };
const A = 'instance="a"';
const OF_A = { instance: "a" };
const BEGINS = "0x20 1x40";
const ENDS = "1x20 0x40";
const RISES = "0x20 0+60x40";

const CASES: readonly Case[] = [
  { alert: "WeirDown", series: { weir_process_start_time_seconds: "1x20 stale" }, summary: "no Weir answers Prometheus" },
  {
    alert: "WeirNotDeciding",
    series: { [`weir_leading{${A}}`]: ENDS, 'weir_leading{instance="b"}': "0x60" },
    summary: "no replica of Weir decides",
  },
  {
    alert: "WeirTwoDecide",
    series: { [`weir_leading{${A}}`]: "1x60", 'weir_leading{instance="b"}': BEGINS },
    summary: "2 servers decide at once",
  },
  {
    alert: "WeirLeaderNotHeard",
    series: { [`weir_leader_heard{${A}}`]: ENDS, 'weir_leader_heard{instance="b"}': "1x60" },
    labels: OF_A,
    summary: "a hears no replica that decides",
  },
  {
    alert: "WeirReplicaAway",
    series: { [`weir_peers{${A},state="away"}`]: BEGINS, [`weir_peers{${A},state="reached"}`]: "1x60" },
    labels: { ...OF_A, state: "away" },
    summary: "a does not reach 1 other replicas",
  },
  {
    alert: "WeirSourceNotFollowed",
    series: { [`weir_source_followed{${A}}`]: ENDS },
    labels: OF_A,
    summary: "a hears of no change of a WasmFilter",
  },
  {
    alert: "WeirRestarts",
    series: { [`weir_process_start_time_seconds{${A}}`]: "1x20 2 3 4 5 5x40" },
    labels: OF_A,
    summary: "a started 3 times in half an hour",
  },
  {
    alert: "WeirFilterStalled",
    series: {
      [`weir_filter_not_ready_timestamp_seconds{${FILTER},reason="Pending",state="reconciling",${A}}`]: "9x20 stale",
      [`weir_filter_not_ready_timestamp_seconds{${FILTER},reason="NoAbi",state="stalled",${A}}`]: "_x20 9x40",
      [`weir_filter_not_ready_timestamp_seconds{${FILTER},reason="NoAbi",state="stalled",instance="b"}`]: "_x20 9x40",
      'weir_filter_not_ready_timestamp_seconds{namespace="shop",name="b",reason="RolledBack",state="stalled"}': "9x60",
      'weir_filter_rollout_timestamp_seconds{namespace="shop",name="b",state="RolledBack"}': "9x60",
      'weir_filter_not_ready_timestamp_seconds{namespace="shop",name="c",reason="RegistryUnavailable",state="stalled"}': "9x60",
    },
    labels: { ...OF_FILTER, reason: "NoAbi" },
    summary: "shop/auth waits for somebody: NoAbi",
  },
  {
    alert: "WeirRolloutFailed",
    series: {
      [`weir_filter_rollout_timestamp_seconds{${FILTER},state="Progressing"}`]: "9x20 stale",
      [`weir_filter_rollout_timestamp_seconds{${FILTER},state="RolledBack"}`]: "_x20 9x40",
    },
    labels: { ...OF_FILTER, state: "RolledBack" },
    summary: "the rollout of shop/auth failed: RolledBack",
  },
  {
    alert: "WeirFilterDoubtful",
    series: { [`weir_filter_watch_failed{${FILTER}}`]: BEGINS },
    labels: OF_FILTER,
    summary: "shop/auth does worse than before, and stays",
  },
  {
    alert: "WeirProxiesPending",
    series: {
      [`weir_filter_proxies{${FILTER},state="pending"}`]: "0x20 3x40",
      'weir_filter_proxies{namespace="shop",name="b",state="pending"}': "3x60",
      'weir_filter_rollout_timestamp_seconds{namespace="shop",name="b",state="Holding"}': "9x60",
    },
    labels: OF_FILTER,
    summary: "3 proxies do not answer shop/auth",
  },
  {
    alert: "WeirRolloutPaused",
    every: "1h",
    series: { [`weir_filter_rollout_timestamp_seconds{${FILTER},state="Paused"}`]: "3600x60" },
    labels: OF_FILTER,
    summary: "the rollout of shop/auth began over a day ago, and is paused",
  },
  { alert: "WeirProxyHung", series: { [`weir_proxies_hung{${A}}`]: BEGINS }, summary: "1 proxies hang" },
  {
    alert: "WeirProxiesLost",
    series: { [`weir_proxies_connected{${A}}`]: "50x60", 'weir_proxies_connected{instance="b"}': "60x30 0x40" },
    summary: "fewer than half of the proxies of the last half hour are connected",
  },
  {
    alert: "WeirProxiesReject",
    series: { [`weir_nacks_total{${A},reason="plugin"}`]: RISES, [`weir_nacks_total{${A},reason="other"}`]: "0x60" },
    labels: { reason: "plugin" },
    summary: "proxies rejected 600 answers in ten minutes: plugin",
  },
  {
    alert: "WeirClientsRefused",
    series: { [`weir_refused_clients_total{${A},reason="denied"}`]: RISES, [`weir_refused_clients_total{${A},reason="limit"}`]: "0x60" },
    labels: { reason: "denied" },
    summary: "clients are cut off again and again: denied",
  },
  {
    alert: "WeirRegistryAway",
    series: {
      [`weir_filter_not_resolved_timestamp_seconds{${FILTER},reason="RegistryUnavailable",${A}}`]: "_x20 9x40",
      [`weir_filter_not_resolved_timestamp_seconds{${FILTER},reason="RegistryUnavailable",instance="b"}`]: "_x20 9x40",
      'weir_filter_not_resolved_timestamp_seconds{namespace="shop",name="b",reason="ImageNotFound"}': "9x60",
    },
    labels: { reason: "RegistryUnavailable" },
    summary: "1 filters do not get their images: RegistryUnavailable",
  },
  {
    alert: "WeirStatusNotWritten",
    series: { [`weir_retries_total{${A},work="status"}`]: RISES, [`weir_retries_total{${A},work="registry"}`]: "0+60x60" },
    labels: OF_A,
    summary: "a cannot write statuses",
  },
  {
    alert: "WeirUnexpectedErrors",
    series: { [`weir_retries_total{${A},work="reconcile"}`]: RISES },
    labels: OF_A,
    summary: "a hit a bug 600 times in ten minutes",
  },
  {
    alert: "WeirProverAway",
    series: { [`weir_prover_failures_total{${A},how="unavailable"}`]: RISES },
    labels: { how: "unavailable" },
    summary: "modules are not proved: unavailable",
  },
  {
    alert: "WeirInjectionFails",
    series: { [`weir_injections_total{${A},outcome="refused"}`]: RISES, [`weir_injections_total{${A},outcome="injected"}`]: "0+60x60" },
    labels: { outcome: "refused" },
    summary: "the webhook gave 600 pods no sidecar: refused",
  },
  {
    alert: "WeirCertificateEnds",
    series: {
      [`weir_certificate_end_timestamp_seconds{${A},certificate="server"}`]: "1000000x20 90000x40",
      [`weir_certificate_end_timestamp_seconds{${A},certificate="authority"}`]: "9000000x60",
    },
    labels: { ...OF_A, certificate: "server" },
    summary: "the certificate server of a ends in 1d 0h 10m 0s",
  },
  {
    alert: "WeirOverloaded",
    series: { [`weir_nodejs_eventloop_lag_p99_seconds{${A}}`]: BEGINS },
    labels: OF_A,
    summary: "a has more to do than one core can",
  },
  {
    alert: "WeirQueueGrows",
    series: { [`weir_queue_depth{${A}}`]: "0x20 40x40" },
    labels: OF_A,
    summary: "40 filters wait for a",
  },
  {
    alert: "WeirFilesRunOut",
    series: { [`weir_process_open_fds{${A}}`]: "10x20 90x40", [`weir_process_max_fds{${A}}`]: "100x60" },
    labels: OF_A,
    summary: "a has 90% of its file descriptors open",
  },
];

let folder: { readonly path: string; remove(): Promise<void> };
let rules: readonly Alert[];

before(async () => {
  folder = await createTempFolder("alerts");
  rules = await readAlerts();
});

after(() => folder?.remove());

/** Runs promtool on these cases: status 0 where each alert is told when it should, in the words that it should. */
async function judge(cases: readonly Case[]): Promise<{ readonly code: number | null; readonly said: string }> {
  const tests = cases.map(({ alert, every = "1m", series, labels = {}, summary }) => {
    const [quiet, told] = [19, 50].map((times) => every.replace("1", `${times}`));
    const rule = rules.find((each) => each.alert === alert);
    const words = { exp_labels: { ...rule?.labels, ...labels }, exp_annotations: { ...rule?.annotations, summary } };
    return {
      interval: every,
      input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
      alert_rule_test: [
        { eval_time: quiet, alertname: alert, exp_alerts: [] },
        { eval_time: told, alertname: alert, exp_alerts: [words] },
      ],
    };
  });
  const path = join(folder.path, "cases.yaml");
  await writeFile(path, stringify({ rule_files: [ALERTS], evaluation_interval: "1m", tests }));
  const { code, stdout, stderr } = await run(await installGoTool("promtool"), ["test", "rules", path]);
  return { code, said: stdout + stderr };
}

test("promtool finds nothing wrong with the alerts", async () => {
  const { code, stdout, stderr } = await run(await installGoTool("promtool"), ["check", "rules", "--lint=all", "--lint-fatal", ALERTS]);
  assert.equal(code, 0, stdout + stderr);
});

test("promtool takes what docs/metrics.md says for Prometheus' own configuration", async () => {
  const snippet = (await createSnippets("metrics")).unnamed().find((text) => text.startsWith("rule_files:"));
  assert.ok(snippet !== undefined);
  await copyFile(ALERTS, join(folder.path, "alerts.yaml"));
  await writeFile(join(folder.path, "prometheus.yml"), snippet);
  const { code, stdout, stderr } = await run(await installGoTool("promtool"), ["check", "config", join(folder.path, "prometheus.yml")]);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /SUCCESS: \d\d rules found/);
});

test("each alert is told when it should, and in the words that it should", async () => {
  assert.deepEqual(
    CASES.map(({ alert }) => alert),
    rules.map(({ alert }) => alert),
  );
  const { code, said } = await judge(CASES);
  assert.equal(code, 0, said);
});

test("an alert that is not told is found out", async () => {
  const quiet = CASES.filter(({ alert }) => alert === "WeirProxyHung").map((each) => ({ ...each, series: { weir_proxies_hung: "0x60" } }));
  assert.equal((await judge(quiet)).code, 1);
});
