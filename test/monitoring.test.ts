import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parseAllDocuments } from "yaml";
import { ROOT } from "../scripts/tests/files.ts";
import { installGoTool } from "../scripts/tools/go.ts";
import { installGoFiles } from "../scripts/tools/go-files.ts";
import { run } from "../scripts/tools/run.ts";
import { ALERTS } from "./support/alerts.ts";
import { type Cluster, kubectl, startCluster } from "./support/cluster.ts";

/** The CRDs of the Prometheus operator that the chart's objects are of. */
const CRDS = {
  module: "github.com/prometheus-operator/prometheus-operator",
  version: "v0.85.0",
  sum: "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
  files: ["prometheusrules", "servicemonitors"].map((kind) => `example/prometheus-operator-crd/monitoring.coreos.com_${kind}.yaml`),
} as const;
/** The chart with all of it on. `charts.test.ts` holds that helm renders this. */
const RENDERED = join(ROOT, "test/fixtures/charts/everything/rendered.yaml");

interface Rendered {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly groups: readonly unknown[]; readonly endpoints: readonly object[] };
  readonly data: Readonly<Record<string, string>>;
}

let cluster: Cluster;
let rendered: readonly Rendered[];
const cleanups: (() => Promise<unknown>)[] = [];

before(async () => {
  cluster = await startCluster();
  cleanups.push(cluster.stop);
  await kubectl(["apply", "-f", await installGoFiles(CRDS)], cluster);
  await kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"], cluster);
  await kubectl(["create", "namespace", "weir-system"], cluster);
  rendered = parseAllDocuments(await readFile(RENDERED, "utf8")).map((document) => document.toJS());
});

after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

function objectOf(kind: string, isIt: (object: Rendered) => boolean = () => true): Rendered {
  const found = rendered.find((object) => object.kind === kind && isIt(object));
  assert.ok(found, `the chart renders no ${kind}`);
  return found;
}

/** What the API server kept of it. Fields that the kind does not have are refused. */
async function applied(object: Rendered): Promise<Rendered> {
  const applying = ["apply", "--server-side", "--validate=strict", "-f", "-", "-o", "json"];
  return JSON.parse(await kubectl(applying, { ...cluster, input: JSON.stringify(object) }));
}

describe("the Prometheus operator's kinds", () => {
  test("the API server takes the chart's PrometheusRule, with every rule of the file", async () => {
    const { spec } = await applied(objectOf("PrometheusRule"));
    const [file] = parseAllDocuments(await readFile(ALERTS, "utf8"));
    assert.deepEqual(spec.groups, file?.toJS().groups);
  });

  test("it takes the ServiceMonitor, which leaves a filter's label namespace as it is", async () => {
    const { spec } = await applied(objectOf("ServiceMonitor"));
    assert.deepEqual(spec.endpoints, [{ port: "metrics", path: "/metrics", interval: "15s", honorLabels: true }]);
  });

  test("it refuses what the kinds do not have", async () => {
    const object = objectOf("ServiceMonitor");
    const [endpoint] = object.spec.endpoints;
    const wrong = { ...object, spec: { ...object.spec, endpoints: [{ ...endpoint, honorLabel: true }] } };
    await assert.rejects(applied(wrong), /\.spec\.endpoints\[0\]\.honorLabel: field not declared in schema/);
  });
});

describe("the dashboard", () => {
  const judge = async (dashboard: string) => run(await installGoTool("dashboard-schema"), [], { input: dashboard });
  const text = () => objectOf("ConfigMap", ({ metadata }) => metadata.name.endsWith("-dashboard")).data["weir.json"] ?? "";

  test("is what Grafana's schema knows, in every field", async () => {
    const { code, stderr } = await judge(text());
    assert.equal(code, 0, stderr);
  });

  test("the schema is held: a field, a value or a panel that it does not know is told", async () => {
    for (const [from, to, says] of [
      ['"expr"', '"expression"', /unexpected field 'expression'/],
      ['"unit": "none"', '"unit": 3', /cannot unmarshal number/],
      ['"type": "timeseries"', '"type": "timeline"', /a panel is a timeline/],
    ] as const) {
      assert.ok(text().includes(from), from);
      const { code, stderr } = await judge(text().replace(from, to));
      assert.equal(code, 1, from);
      assert.match(stderr, says);
    }
  });
});
