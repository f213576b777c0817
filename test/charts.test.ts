import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parseAllDocuments } from "yaml";
import { outdated, renderAll } from "../scripts/charts.ts";
import { ROOT } from "../scripts/tests/files.ts";
import { type Cluster, kubectl, startCluster } from "./support/cluster.ts";
import { helm, helmOk } from "./support/helm.ts";
import { eventually } from "./support/process.ts";
import { createTempFolder } from "./support/temp-folder.ts";

const WEIR = join(ROOT, "charts/weir");
const CRDS = join(ROOT, "charts/weir-crds");
const CASES = join(ROOT, "test/fixtures/charts");
const IMAGE = ["--set", "image.repository=registry.example/weir,proxyImage.repository=registry.example/envoy"];

let folder: { readonly path: string; remove(): Promise<void> };

before(async () => {
  folder = await createTempFolder("charts");
});

after(() => folder?.remove());

interface KubeObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> };
  // biome-ignore lint/suspicious/noExplicitAny: any object of the API
  readonly [field: string]: any;
}

const objects = (text: string): KubeObject[] => parseAllDocuments(text).flatMap((document) => document.toJS() ?? []);
const template = (...args: readonly string[]) => helm(["template", "weir", WEIR, "-n", "weir-system", ...args], { home: folder.path });

async function rendered(...args: readonly string[]): Promise<KubeObject[]> {
  const done = await template(...IMAGE, ...args);
  assert.equal(done.code, 0, done.stderr);
  return objects(done.stdout);
}

describe("without a cluster", () => {
  test("helm lint --strict finds nothing", async () => {
    for (const [chart, values] of [
      [WEIR, IMAGE],
      [CRDS, []],
    ] as const) {
      const said = await helmOk(["lint", "--strict", chart, ...values], { home: folder.path });
      assert.match(said, /1 chart\(s\) linted, 0 chart\(s\) failed/);
      assert.doesNotMatch(said, /\[(WARNING|ERROR)\]/);
    }
  });

  test("deploy/install.yaml and the renders of test/fixtures/charts are what the charts give; `npm run charts` renews them", async () => {
    const renders = await renderAll();
    assert.ok(renders.size >= 4);
    assert.deepEqual(await outdated(renders), []);
    assert.deepEqual(await outdated(new Map([["deploy/install.yaml", "other"]])), ["deploy/install.yaml"]);
  });

  test("without an image it says what to do, and with one none is missing", async () => {
    const done = await template();
    assert.equal(done.code, 1);
    assert.match(done.stderr, /image\.repository is needed: .*npm run image/);
  });

  for (const [given, says] of [
    ["imag.repository=x", "imag"],
    ["xds.tls.mod=auto", "mod"],
    ["xds.tls.mode=none", "mode"],
    ["image.digest=sha256:abc", "digest"],
    ["image.pullPolicy=always", "pullPolicy"],
    ["replicas=0", "replicas"],
    ["networkPolicy.enabled=maybe", "enabled"],
    ["tolerations.key=a", "tolerations"],
    ["log.level=verbose", "level"],
    ["injection.failurePolicy=Maybe", "failurePolicy"],
    ["identity.podCertificates=true", "podCertificates"],
    ["persistence.size=big", "size"],
    ["weir-crds.keep=true", "keep"],
  ] as const)
    test(`the schema refuses ${given}`, async () => {
      const done = await template(...IMAGE, "--set", given);
      assert.equal(done.code, 1, done.stdout);
      assert.match(done.stderr, /don't meet the specifications of the schema/);
      assert.ok(done.stderr.includes(`'${says}'`) || done.stderr.includes(`/${says}`), done.stderr);
    });

  const others = (list: unknown) => ["--set-json", `others=${JSON.stringify(list)}`];
  const eu = { name: "eu", url: "https://weir.eu.example:18001" };
  const token = { secretName: "weir-eu" };

  for (const [what, given, says] of [
    ["name that is no label", [{ ...eu, name: "EU" }], "name"],
    ["name that this Weir has", [{ ...eu, name: "here" }], "name"],
    ["name that is missing", [{ url: eu.url }], "name"],
    ["URL of another scheme", [{ ...eu, url: "ftp://weir.eu.example" }], "url"],
    ["URL with a password", [{ ...eu, url: "https://a:b@weir.eu.example" }], "url"],
    ["URL with a query", [{ ...eu, url: "https://weir.eu.example?a=b" }], "url"],
    ["token in the clear", [{ ...eu, url: "http://weir.eu.example:18001", token }], "url"],
    ["token in the clear to a name that only begins like this machine's", [{ ...eu, url: "http://localhost.example", token }], "url"],
    ["token in the values", [{ ...eu, token: "abc" }], "token"],
    ["token of no Secret", [{ ...eu, token: { secretName: "" } }], "secretName"],
    ["field that is not there", [{ ...eu, insecure: true }], "insecure"],
    ["number of them above 20", Array.from({ length: 21 }, (_, index) => ({ ...eu, name: `eu-${index}` })), "others"],
  ] as const)
    test(`of other Weirs the schema refuses a ${what}`, async () => {
      const done = await template(...IMAGE, ...others(given));
      assert.equal(done.code, 1, done.stdout);
      assert.match(done.stderr, /don't meet the specifications of the schema/);
      assert.ok(done.stderr.includes(says), done.stderr);
    });

  test("other Weirs become flags and one volume, which keeps Weir from starting in no case; one without files needs none", async () => {
    const ca = { configMapName: "roots", key: "eu.pem" };
    const given = [
      { ...eu, token, ca },
      { name: "near", url: "http://127.0.0.1:19001/weir", token: { ...token, key: "reader" } },
    ];
    const of = async (list: unknown) => (await rendered(...others(list))).find(({ kind }) => kind === "Deployment")?.spec.template.spec;
    const flagsOf = (pod: KubeObject) => pod.containers[0].args.filter((arg: string) => arg.startsWith("--other"));
    const pod = await of(given);
    assert.deepEqual(flagsOf(pod), [
      `--other=eu=${eu.url}`,
      "--other-token-file=eu=/etc/weir/others/eu/token",
      "--other-ca-file=eu=/etc/weir/others/eu/ca.crt",
      "--other=near=http://127.0.0.1:19001/weir",
      "--other-token-file=near=/etc/weir/others/near/token",
    ]);
    const volume = pod.volumes.find(({ name }: { name: string }) => name === "others");
    assert.deepEqual(volume.projected.sources, [
      { secret: { name: "weir-eu", items: [{ key: "token", path: "eu/token" }], optional: true } },
      { configMap: { name: "roots", items: [{ key: "eu.pem", path: "eu/ca.crt" }], optional: true } },
      { secret: { name: "weir-eu", items: [{ key: "reader", path: "near/token" }], optional: true } },
    ]);
    const mounts = pod.containers.map(({ volumeMounts }: KubeObject) => volumeMounts.some((mount: KubeObject) => mount.name === "others"));
    assert.deepEqual(mounts, [true, false], "the prover has no token");
    const plain = await of([eu]);
    assert.deepEqual(flagsOf(plain), [`--other=eu=${eu.url}`]);
    assert.ok(plain.volumes.every(({ name }: { name: string }) => name !== "others"));
    assert.match((await template(...IMAGE, ...others([eu, eu]))).stderr, /others has two of the name eu/);
  });

  test("each value of the chart is in the schema, and each of the schema in the values", async () => {
    type Schema = { properties?: Record<string, Schema>; additionalProperties?: unknown; $ref?: string };
    const schema = JSON.parse(await readFile(join(WEIR, "values.schema.json"), "utf8")) as Schema;
    const values = objects(await readFile(join(WEIR, "values.yaml"), "utf8"))[0] as unknown;
    const unlike: string[] = [];
    const compare = (path: string, value: unknown, { properties, $ref }: Schema) => {
      if (properties === undefined || $ref !== undefined) return;
      const names = new Set([...Object.keys(properties), ...Object.keys(value as object)]);
      for (const name of names) {
        const [inValues, inSchema] = [(value as Record<string, unknown>)[name], properties[name]];
        if (inValues === undefined || inSchema === undefined) unlike.push(`${path}${name}`);
        else compare(`${path}${name}.`, inValues, inSchema);
      }
    };
    compare("", values, schema);
    assert.deepEqual(unlike, ["global", "weir-crds"]);
  });

  test("alerts and the dashboard are there when they are asked for, as their files have them", async () => {
    const kinds = (found: readonly KubeObject[]) => found.map(({ kind }) => kind);
    const dashboards = (found: readonly KubeObject[]) => found.filter(({ metadata }) => metadata.name === "weir-dashboard");
    const without = await rendered();
    assert.ok(!kinds(without).includes("PrometheusRule"));
    assert.deepEqual(dashboards(without), []);
    const all = await rendered("--set", "prometheusRule.enabled=true,prometheusRule.labels.release=p,grafanaDashboard.enabled=true");
    const rule = all.find(({ kind }) => kind === "PrometheusRule");
    assert.deepEqual(rule?.spec, objects(await readFile(join(WEIR, "files/alerts.yaml"), "utf8"))[0]);
    assert.equal(rule?.metadata.labels?.release, "p");
    const [dashboard] = dashboards(all);
    assert.equal(dashboard?.metadata.labels?.grafana_dashboard, "1");
    assert.equal(dashboard?.data["weir.json"], await readFile(join(WEIR, "files/dashboard.json"), "utf8"));
  });

  test("injection needs Envoy's image and Weir's own certificate, and says so", async () => {
    assert.match((await template(...IMAGE, "--set", "proxyImage.repository=")).stderr, /proxyImage\.repository is needed for injection/);
    const foreign = ["--set", "xds.tls.mode=secret", "--set", "xds.tls.secretName=a"];
    assert.match((await template(...IMAGE, ...foreign)).stderr, /injection\.enabled needs xds\.tls\.mode auto/);
  });

  test("a Secret of TLS that has no name is asked for", async () => {
    const done = await template(...IMAGE, "--set", "xds.tls.mode=secret,injection.enabled=false");
    assert.match(done.stderr, /xds\.tls\.secretName is needed/);
  });

  test("replicas share their keys, and no disk; their pods are the same whatever their number", async () => {
    for (const [given, says] of [
      ["replicas=2,keyStore=file", /replicas above 1 need keyStore secret/],
      ["replicas=2,persistence.enabled=true", /replicas above 1 need persistence\.enabled=false/],
    ] as const)
      assert.match((await template(...IMAGE, "--set", given)).stderr, says);
    const several = await rendered("--set", "replicas=3");
    const deployment = several.find(({ kind }) => kind === "Deployment");
    const args: readonly string[] = deployment?.spec.template.spec.containers[0].args;
    assert.deepEqual([deployment?.spec.replicas, deployment?.spec.strategy.type], [3, "RollingUpdate"]);
    for (const arg of ["--lease=weir", "--peer=weir-replicas.weir-system.svc:18003", "--max-connection-age=10m", "--drain-time=15s"])
      assert.ok(args.includes(arg), arg);
    assert.equal(several.filter(({ kind }) => kind === "PodDisruptionBudget").length, 1);
    const one = await rendered();
    assert.ok(one.every(({ kind }) => kind !== "PodDisruptionBudget"));
    // A change of the number restarts no pod, and none comes to be beside one that decides without the Lease.
    assert.deepEqual(one.find(({ kind }) => kind === "Deployment")?.spec.template, deployment?.spec.template);
    for (const given of ["keyStore=file", "persistence.enabled=true"]) {
      const alone = (await rendered("--set", given)).filter(({ kind }) => kind !== "CustomResourceDefinition");
      assert.doesNotMatch(JSON.stringify(alone), /leases|--lease|18003|weir-replicas|max-connection-age=10m/, given);
    }
  });

  test("the kinds are kept by an uninstall, and are left out when somebody else installs them", async () => {
    const crds = (await rendered()).filter(({ kind }) => kind === "CustomResourceDefinition");
    assert.deepEqual(
      crds.map(({ metadata }) => metadata.name),
      (await readdir(join(ROOT, "crds"))).map((file) => file.replace(".yaml", "")),
    );
    for (const crd of crds)
      assert.equal((crd.metadata as { annotations?: Record<string, string> }).annotations?.["helm.sh/resource-policy"], "keep");
    assert.ok((await rendered("--set", "crds.install=false")).every(({ kind }) => kind !== "CustomResourceDefinition"));
  });

  test("names of two releases never collide", async () => {
    const ids = async (release: string, namespace: string) => {
      const text = await helmOk(["template", release, WEIR, "-n", namespace, "--set", "crds.install=false", ...IMAGE], {
        home: folder.path,
      });
      return objects(text).map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ""}/${metadata.name}`);
    };
    const sets = [await ids("weir", "a"), await ids("weir", "b"), await ids("other", "a"), await ids("weir-a", "b")];
    assert.equal(new Set(sets.flat()).size, sets.flat().length);
  });

  test("only the container that calls the API server has a token, and none may write to its image", async () => {
    const pod = (await rendered()).find(({ kind }) => kind === "Deployment")?.spec.template.spec;
    assert.equal(pod.automountServiceAccountToken, false);
    for (const { name, volumeMounts, securityContext } of pod.containers) {
      const hasToken = volumeMounts.some((mount: { name: string }) => mount.name === "api-access");
      assert.equal(hasToken, name === "weir", name);
      assert.equal(securityContext.readOnlyRootFilesystem, true);
    }
  });
});

describe("on a real API server", () => {
  let cluster: Cluster;

  before(async () => {
    cluster = await startCluster();
  });

  after(() => cluster?.stop());

  const kube = (args: readonly string[], input?: string) => kubectl(args, { ...cluster, input });
  const inCluster = () => ({ home: folder.path, kubeconfig: cluster.kubeconfig });
  const names = async (kind: string, ...where: readonly string[]) =>
    (await kube(["get", kind, ...where, "-o", "jsonpath={.items[*].metadata.name}"])).split(" ").filter((name) => name !== "");

  test("it takes every render, and Pod Security lets the pod in as restricted", async () => {
    await kube(["create", "namespace", "weir-system"]);
    await kube(["label", "namespace", "weir-system", "pod-security.kubernetes.io/enforce=restricted"]);
    for (const namespace of ["shop", "bank"]) await kube(["create", "namespace", namespace]);
    for (const name of await readdir(CASES)) {
      const text = await readFile(join(CASES, name, "rendered.yaml"), "utf8").catch(() => undefined);
      if (text === undefined) continue;
      // The kinds of the Prometheus operator are not here.
      const known = objects(text).filter(({ apiVersion }) => apiVersion !== "monitoring.coreos.com/v1");
      const list = JSON.stringify({ apiVersion: "v1", kind: "List", items: known });
      await kube(["apply", "--dry-run=server", "--validate=strict", "-f", "-"], list);
      const deployment = known.find(({ kind }) => kind === "Deployment");
      assert.ok(deployment !== undefined);
      const { metadata, spec } = deployment.spec.template;
      const pod = { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, name, namespace: "weir-system" }, spec };
      await kube(
        ["apply", "--dry-run=server", "--validate=strict", "-f", "-"],
        JSON.stringify({ ...pod, spec: { ...spec, priorityClassName: undefined } }),
      );
    }
  });

  test("install, upgrade and uninstall; the kinds and the WasmFilters stay, and a second install finds them", async () => {
    const at = ["-n", "weir-two", "--create-namespace"];
    const installed = await helmOk(["install", "weir", WEIR, ...at, ...IMAGE], inCluster());
    assert.match(installed, /kubectl -n weir-two rollout status deploy\/weir/);
    assert.match(installed, /images are not published yet/);
    await kube(["wait", "--for=condition=Established", "crd/wasmfilters.weir.dev", "--timeout=30s"]);
    await kube(
      ["apply", "-f", "-"],
      "apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata: {name: kept, namespace: shop}\nspec: {image: a/b:1}\n",
    );
    await helmOk(["upgrade", "weir", WEIR, ...at, ...IMAGE, "--set", "image.tag=v2"], inCluster());
    const image = await kube(["-n", "weir-two", "get", "deploy", "weir", "-o", "jsonpath={.spec.template.spec.containers[0].image}"]);
    assert.equal(image, "registry.example/weir:v2");
    await helmOk(["uninstall", "weir", "-n", "weir-two"], inCluster());
    assert.deepEqual(await names("wasmfilters", "-n", "shop"), ["kept"]);
    assert.deepEqual(await names("deploy", "-n", "weir-two"), []);
    assert.deepEqual(await names("clusterroles", "-l", "app.kubernetes.io/name=weir"), []);
    await helmOk(["install", "weir", WEIR, ...at, ...IMAGE], inCluster());
  });

  test("three replicas: a budget, and a spread over nodes and zones; who decides without the Lease ends before one with it comes", async () => {
    const at = ["-n", "weir-three", "--create-namespace", "--set", "crds.install=false,allowSecondInstall=true", ...IMAGE];
    const strategy = () => kube(["-n", "weir-three", "get", "deploy", "weir", "-o", "jsonpath={.spec.strategy.type}"]);
    // As the first chart had it; no pod of it has a Lease.
    const first = [join(ROOT, "test/fixtures/charts-first/weir"), ...at.slice(0, -1), "image.repository=registry.example/weir"];
    await helmOk(["install", "weir", ...first], inCluster());
    await helmOk(["upgrade", "weir", WEIR, ...at, "--set", "replicas=3"], inCluster());
    assert.equal(await strategy(), "Recreate", "the one of before and the new ones would both decide");
    await helmOk(["upgrade", "weir", WEIR, ...at, "--set", "replicas=3"], inCluster());
    assert.equal(await strategy(), "RollingUpdate");
    const get = async (kind: string) => JSON.parse(await kube(["-n", "weir-three", "get", kind, "weir", "-o", "json"])) as KubeObject;
    const { spec } = await get("deploy");
    const matchLabels = { "app.kubernetes.io/name": "weir", "app.kubernetes.io/instance": "weir" };
    assert.deepEqual(spec.selector, { matchLabels });
    assert.deepEqual(
      spec.template.spec.topologySpreadConstraints,
      ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map((topologyKey) => ({
        ...{ maxSkew: 1, topologyKey, whenUnsatisfiable: "ScheduleAnyway", labelSelector: { matchLabels } },
      })),
    );
    assert.deepEqual((await get("pdb")).spec, { maxUnavailable: 1, selector: { matchLabels } });
    const own = JSON.stringify([{ maxSkew: 2, topologyKey: "rack", whenUnsatisfiable: "DoNotSchedule", labelSelector: { matchLabels } }]);
    const changed = ["--set", "replicas=3,podDisruptionBudget.maxUnavailable=50%", "--set-json", `topologySpreadConstraints=${own}`];
    await helmOk(["upgrade", "weir", WEIR, ...at, ...changed], inCluster());
    assert.deepEqual((await get("deploy")).spec.template.spec.topologySpreadConstraints, JSON.parse(own));
    assert.equal((await get("pdb")).spec.maxUnavailable, "50%");
    await helmOk(["upgrade", "weir", WEIR, ...at, "--set", "replicas=1"], inCluster());
    assert.deepEqual([await names("pdb", "-n", "weir-three"), await strategy()], [[], "Recreate"]);
    // From a file of keys, without a Lease, to several.
    await helmOk(["upgrade", "weir", WEIR, ...at, "--set", "keyStore=file"], inCluster());
    await helmOk(["upgrade", "weir", WEIR, ...at, "--set", "replicas=2"], inCluster());
    assert.equal(await strategy(), "Recreate");
    await helmOk(["uninstall", "weir", "-n", "weir-three"], inCluster());
  });

  test("a second Weir is refused with words, unless it is asked for", async () => {
    const second = (...more: readonly string[]) =>
      helm(
        ["install", "weir", WEIR, "-n", "elsewhere", "--create-namespace", ...IMAGE, "--set", "crds.install=false", ...more],
        inCluster(),
      );
    const refused = await second();
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /another Weir is in this cluster, in namespace weir-two .*; uninstall it first, or set allowSecondInstall=true/,
    );
    const allowed = await second("--set", "allowSecondInstall=true");
    assert.equal(allowed.code, 0, allowed.stderr);
    assert.equal((await names("clusterroles", "-l", "app.kubernetes.io/name=weir")).length, 2);
    await helmOk(["uninstall", "weir", "-n", "elsewhere"], inCluster());
    await helmOk(["uninstall", "weir", "-n", "weir-two"], inCluster());
    assert.deepEqual(await names("wasmfilters", "-n", "shop"), ["kept"]);
  });

  test("of a pod Weir may change the annotation weir.dev/ca, and nothing else; everybody may read the authorities, and nothing else", async () => {
    await kube(["create", "namespace", "guarded"]);
    const account = ["--as", "system:serviceaccount:guarded:weir"];
    await helmOk(["install", "weir", WEIR, "-n", "guarded", ...IMAGE, "--set", "crds.install=false"], inCluster());
    const may = (...right: readonly string[]) =>
      kube(["auth", "can-i", ...right, "-n", "guarded", "--as", "system:serviceaccount:shop:default"]).catch(() => "no");
    assert.match(await may("get", "configmap/weir-ca"), /^yes/, "everybody may read which authorities count");
    for (const [verb = "", object = ""] of [
      ["get", "secret/weir-authority"],
      ["get", "configmap/other"],
      ["list", "configmaps"],
      ["patch", "configmap/weir-ca"],
    ])
      assert.match(await may(verb, object), /^no/, `${verb} ${object}`);
    const annotations = { "weir.dev/ca": "old", note: "a" };
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "web", namespace: "shop", annotations, labels: { app: "web" } } };
    await kube(["create", "-f", "-"], JSON.stringify({ ...pod, spec: { containers: [{ name: "a", image: "a/b:1" }] } }));
    const patch = (body: unknown, user = account) =>
      kube(["-n", "shop", "patch", "pod", "web", "--type=strategic", "-p", JSON.stringify(body), ...user]);
    // A new policy takes a moment to be in force.
    const words = /Weir may change the annotation weir\.dev\/ca of a pod, and nothing else/;
    await eventually(
      "the policy",
      async () => (await patch({ metadata: { labels: { n: String(Date.now()) } } }).catch(String)).match(words) !== null,
    );
    for (const body of [
      { metadata: { labels: { app: "other" } } },
      { metadata: { annotations: { note: "b" } } },
      { metadata: { annotations: { note: null } } },
      { metadata: { annotations: { added: "x" } } },
      { metadata: { finalizers: ["a.example/b"] } },
      { spec: { containers: [{ name: "a", image: "evil/image:1" }] } },
      { spec: { activeDeadlineSeconds: 5 } },
    ])
      await assert.rejects(patch(body), words, JSON.stringify(body));
    await patch({ metadata: { annotations: { "weir.dev/ca": "new" } } });
    await patch({ metadata: { labels: { app: "other" } } }, []);
    await helmOk(["uninstall", "weir", "-n", "guarded"], inCluster());
  });

  test("kubectl apply takes deploy/install.yaml as it is, and a second time finds nothing to do", async () => {
    const apply = () => kube(["apply", "--validate=strict", "-f", join(ROOT, "deploy/install.yaml")]);
    assert.match(await apply(), /deployment.apps\/weir created/);
    assert.doesNotMatch(await apply(), /created|configured/);
  });
});
