import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { main } from "../cli/main.ts";
import { createFakeTerminal } from "../cli/testing/terminal.ts";
import { ROOT } from "../scripts/tests/files.ts";
import { type Kubernetes, lacksForNode, startKubernetes } from "./support/kubernetes/index.ts";
import { namespace } from "./support/kubernetes/pods.ts";
import { CHART, chartValues, filterOf, type SharedRegistry, startSharedRegistry, untilFilter } from "./support/kubernetes/weir.ts";
import { eventually } from "./support/process.ts";
import { headerFilter } from "./support/wat.ts";
import { condition } from "./support/weir.ts";

/** What people do with the charts, on a node that runs what they say: install the first version, upgrade, test, break, uninstall, install again. */
const lacks = await lacksForNode();
const needsNode = { skip: lacks ?? false };
const FIRST = join(ROOT, "test/fixtures/charts-first/weir");
const AT = ["weir", "-n", "weir-system"];
const WAIT = ["--wait", "--timeout", "120s"];
let cluster: Kubernetes;
let registry: SharedRegistry;
let values: readonly string[];

before(async () => {
  if (lacks !== undefined) return;
  cluster = await startKubernetes({ images: ["weir"] });
  registry = await startSharedRegistry(cluster);
  values = await chartValues(cluster, registry.host);
  await cluster.apply(namespace("weir-system", { "pod-security.kubernetes.io/enforce": "restricted" }));
});

after(async () => {
  await cluster?.stop();
  await registry?.registry.stop();
});

async function check(...args: readonly string[]) {
  const { terminal, written } = createFakeTerminal({ env: { KUBECONFIG: cluster.kubeconfig }, now: Date.now() });
  return { status: await main(["check", ...args], terminal), ...written };
}

async function timed<T>(what: string, tell: (line: string) => void, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const value = await work();
  tell(`${what}: ${((performance.now() - start) / 1_000).toFixed(1)} s`);
  return value;
}

const revision = async () => (await filterOf(cluster, "default", "mark"))?.status?.revision;
const secretUids = async () => {
  const { items } = await cluster.get(["secrets", "-n", "weir-system"]);
  const kept = items.filter(({ metadata }: { metadata: { name: string } }) => metadata.name.startsWith("weir-"));
  return kept.map(({ metadata }: { metadata: { name: string; uid: string } }) => `${metadata.name} ${metadata.uid}`);
};

test("the first charts are installed, and a filter is proved", needsNode, async (t) => {
  const image = values.filter((_, at) => values[at]?.startsWith("image.") || values[at + 1]?.startsWith("image."));
  const args = values.slice(values.indexOf("--set-json"));
  await timed("install", t.diagnostic.bind(t), () => cluster.helm(["install", ...AT, FIRST, ...image, ...args, ...WAIT]));
  const pushed = await registry.push("filters/mark:1", await headerFilter({ name: "x-weir", value: "one" }));
  await cluster.apply({
    ...{ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: "mark", namespace: "default" } },
    spec: { image: pushed.image },
  });
  await untilFilter(cluster, ["default", "mark"], "ready", (seen) => condition(seen, "Ready") === "True Ready");
});

test(
  "an upgrade to these charts keeps the revision, makes Weir's keys, and gives the prover a container without a token",
  needsNode,
  async (t) => {
    await timed("upgrade", t.diagnostic.bind(t), () => cluster.helm(["upgrade", ...AT, CHART, ...values, ...WAIT]));
    await untilFilter(cluster, ["default", "mark"], "ready", (seen) => condition(seen, "Ready") === "True Ready");
    assert.equal(await revision(), 1);
    assert.deepEqual((await secretUids()).map((text: string) => text.split(" ")[0]).sort(), ["weir-authority", "weir-private-key"]);
    const look = "try { console.log(require('fs').readdirSync('/var/run/secrets').join()) } catch (error) { console.log(error.code) }";
    const see = (container: string) =>
      cluster.kubectl(["exec", "-n", "weir-system", "deploy/weir", "-c", container, "--", "/usr/local/bin/node", "-e", look]);
    assert.equal((await see("prover")).trim(), "ENOENT");
    assert.equal((await see("weir")).trim(), "kubernetes.io");
    const again = await registry.push("filters/mark:2", await headerFilter({ name: "x-weir", value: "two" }));
    await cluster.kubectl(["patch", "wf", "mark", "--type=merge", "-p", JSON.stringify({ spec: { image: again.image } })]);
    await untilFilter(cluster, ["default", "mark"], "revision 2", ({ status }) => status?.stableRevision === 2);
  },
);

test("helm test looks at the cluster from inside, and weir check from outside: neither finds a fault", needsNode, async (t) => {
  const said = await timed("helm test", t.diagnostic.bind(t), () => cluster.helm(["test", ...AT, "--logs"]));
  assert.match(said, /Phase: +Succeeded/);
  assert.match(said, /^ok +weir +Deployment weir-system\/weir is ready$/m);
  assert.doesNotMatch(said, /^(fail|warn) /m);
  const { status, out } = await check();
  assert.equal(status, 0, out);
  assert.doesNotMatch(out, /^(fail|warn) /m, out);
});

test("an image that is nowhere: weir check names it and says what to do; a rollback mends it", needsNode, async (t) => {
  await cluster.helm(["upgrade", ...AT, CHART, ...values, "--set", "image.tag=nowhere,image.pullPolicy=Never"]);
  const found = await eventually(
    "the image",
    async () => (await check()).out.split("\n").find((line) => line.includes("cannot be pulled")),
    60_000,
    500,
  );
  t.diagnostic(found);
  assert.match(found, /^fail +pod +\S+:nowhere cannot be pulled \(ErrImageNeverPull.*npm run image.*image\.repository/);
  await cluster.helm(["rollback", ...AT, ...WAIT]);
  const { status, out } = await check();
  assert.equal(status, 0, out);
});

test("an uninstall leaves kinds, filters and keys; who installs again goes on with them", needsNode, async (t) => {
  const keys = await secretUids();
  assert.equal(keys.length, 2);
  await timed("uninstall", t.diagnostic.bind(t), () => cluster.helm(["uninstall", ...AT, ...WAIT]));
  assert.match((await check()).out, /^fail +weir +there is no Weir in namespace weir-system; install it/m);
  assert.equal(await revision(), 2);
  await cluster.helm(["install", ...AT, CHART, ...values, ...WAIT]);
  await untilFilter(cluster, ["default", "mark"], "ready", (seen) => condition(seen, "Ready") === "True Ready");
  assert.equal(await revision(), 2);
  assert.deepEqual(await secretUids(), keys);
});
