import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import type { WasmPolicy } from "../model/gen/wasmpolicy.ts";
import { pushModule } from "../oci/index.ts";
import { ROOT } from "../scripts/tests/files.ts";
import { type Cluster, installCrds, kubectl, startCluster } from "./support/cluster.ts";
import { eventually } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createSnippets } from "./support/snippets.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";
import { weir as cli, startWeir, type Weir } from "./support/weir.ts";

let cluster: Cluster;
let registry: Registry;
let data: Awaited<ReturnType<typeof createTempFolder>>;
let weir: Weir;

before(async () => {
  [cluster, registry, data] = await Promise.all([startCluster(), startRegistry(), createTempFolder("policy")]);
  await installCrds(cluster);
  for (const name of ["ours", "theirs"]) {
    const pushed = await pushModule(`${registry.host}/${name}/f:1`, await headerFilter({ name: "x-policy", value: name }), {
      keychain: new Map(),
    });
    assert.ok(pushed.ok, JSON.stringify(pushed));
  }
  await kube(["create", "namespace", "shop"]);
  weir = await startWeir({ source: ["--kubeconfig", cluster.kubeconfig], data: data.path, flags: ["--allow-address", "127.0.0.1/32"] });
});

after(async () => {
  await weir?.stop();
  await Promise.all([cluster?.stop(), registry?.stop(), data?.remove()]);
});

function kube(args: readonly string[], input?: string): Promise<string> {
  return kubectl(args, { kubeconfig: cluster.kubeconfig, input });
}

function apply(object: object): Promise<string> {
  return kube(["apply", "--server-side", "--force-conflicts", "-f", "-"], JSON.stringify({ apiVersion: "weir.dev/v1alpha1", ...object }));
}

const policy = (spec: object, name = "base") => apply({ kind: "WasmPolicy", metadata: { name }, spec });
const filter = (name: string, image: string, more: object = {}) =>
  apply({ kind: "WasmFilter", metadata: { name, namespace: "shop" }, spec: { image, rollout: { steps: [{ percent: 100 }] }, ...more } });

async function shown(name: string): Promise<WasmFilter> {
  return JSON.parse(await kube(["get", "wf", name, "-n", "shop", "-o", "json"])) as WasmFilter;
}

function conditionOf({ status }: WasmFilter, type = "Permitted"): string {
  const found = status?.conditions?.find((each) => each.type === type);
  return found === undefined ? "" : `${found.status} ${found.reason}: ${found.message}`;
}

async function until(name: string, check: (filter: WasmFilter) => boolean): Promise<WasmFilter> {
  let last: WasmFilter | undefined;
  return eventually(`${name}`, async () => {
    last = await shown(name);
    return check(last) ? last : undefined;
  }).catch((error: unknown) => assert.fail(`${String(error)}: ${JSON.stringify(last?.status?.conditions)}`));
}

async function statusOf(name = "base"): Promise<NonNullable<WasmPolicy["status"]>> {
  return (JSON.parse(await kube(["get", "wasmpolicy", name, "-o", "json"])) as WasmPolicy).status ?? {};
}

test("a policy of a real API server is obeyed where its selector matches, as labels and policies come and go", async () => {
  const [ours, theirs] = [`${registry.host}/ours/f:1`, `${registry.host}/theirs/f:1`];
  await filter("old", theirs);
  const before = await until("old", ({ status }) => status?.stableRevision === 1);
  assert.equal(conditionOf(before), "");

  await policy({ namespaceSelector: { matchLabels: { team: "a" } }, images: [{ pattern: `${registry.host}/ours/**` }] });
  await filter("free", theirs);
  await until("free", ({ status }) => status?.stableRevision === 1);

  await kube(["label", "namespace", "shop", "team=a"]);
  const why = `spec.image: ${registry.host}/theirs/f is not allowed; take the image from one of ${registry.host}/ours/** (WasmPolicy base, rule images)`;
  const held = await until("old", (now) => conditionOf(now).startsWith("False"));
  assert.equal(conditionOf(held), `False PolicyViolation: ${why}; revision 1 keeps serving`);
  assert.equal(held.status?.stableRevision, 1);
  await filter("new", theirs);
  const refused = await until("new", (now) => conditionOf(now) !== "");
  assert.equal(conditionOf(refused), `False PolicyViolation: ${why}`);
  assert.equal(refused.status?.revision, undefined);
  await eventually("an Event", async () => (await kube(["get", "events", "-n", "shop"])).includes("PolicyViolation"));
  await filter("good", ours);
  assert.equal(conditionOf(await until("good", ({ status }) => status?.stableRevision === 1)), "True Permitted: holds to 1 policy: base");

  const status = await eventually("the status of the policy", async () => {
    const now = await statusOf();
    return now.filters === 4 && now.violating === 3 ? now : undefined;
  });
  assert.deepEqual(
    status.violations?.map(({ namespace, name, message }) => `${namespace}/${name} ${message}`),
    ["free", "new", "old"].map((name) => `shop/${name} ${why}`),
  );
  assert.match(await kube(["get", "wpol"]), /^NAME +MODE +FILTERS +VIOLATING +ACCEPTED +AGE\nbase +Enforce +4 +3 +True /);
  const there = ["--kubeconfig", cluster.kubeconfig];
  assert.match(await cli(["get", "wasmpolicies", ...there]), /^NAME +MODE +FILTERS +VIOLATING +ACCEPTED +AGE\nbase +Enforce +4 +3 +True /);
  assert.equal(await cli(["get", "wpol", "base", "-o", "name", ...there]), "wasmpolicy.weir.dev/base\n");
  assert.ok((await cli(["describe", "wasmpolicy", "base", ...there])).includes(`\nRefuses\n  shop/free  ${why}\n`));
  const told = (await (await fetch(`${weir.url}/api/v1/policies/base`)).json()) as WasmPolicy;
  assert.deepEqual([told.status?.filters, told.status?.violating, told.status?.violations], [4, 3, status.violations]);

  await weir.kill();
  await weir.start();
  await filter("old", theirs, { config: "changed" });
  await until("old", ({ status, metadata }) => status?.observedGeneration === metadata.generation);
  assert.equal((await shown("old")).status?.revision, 1);

  await kube(["delete", "wasmpolicy", "base"]);
  const changed = await until("old", ({ status }) => status?.stableRevision === 2);
  assert.equal(conditionOf(changed), "");
  await until("new", ({ status }) => status?.stableRevision === 1);
});

test("the most filters in a slot are those that were made first, and others follow when they go", async () => {
  await kube(["delete", "wf", "--all", "-n", "shop"]);
  await policy({ maxFiltersPerSlot: 2 }, "two");
  for (const name of ["c", "b", "a"]) await filter(name, `${registry.host}/ours/f:1`);
  const out = async () => Promise.all(["a", "b", "c"].map(async (name) => (await shown(name)).status?.revision === 1));
  await eventually(
    "two of three",
    async () => (await out()).filter(Boolean).length === 2 && conditionOf(await findHeld()).startsWith("False"),
  );
  const name = (await findHeld()).metadata.name;
  const [first = ""] = ["a", "b", "c"].filter((each) => each !== name);
  await kube(["delete", "wf", first, "-n", "shop"]);
  await until(name, ({ status }) => status?.stableRevision === 1);
  await kube(["delete", "wasmpolicy", "two"]);

  async function findHeld(): Promise<WasmFilter> {
    const all = await Promise.all(["a", "b", "c"].map(shown));
    return all.find(({ status }) => status?.revision === undefined) ?? assert.fail("none is held");
  }
});

test("a module is refused by what it imports and by its size, with the words of the rule", async () => {
  await kube(["delete", "wf", "--all", "-n", "shop"]);
  await policy({ capabilities: { allow: [] } }, "quiet");
  await filter("f", `${registry.host}/ours/f:1`);
  const refused = await until("f", (now) => conditionOf(now).startsWith("False"));
  assert.match(
    conditionOf(refused),
    /^False PolicyViolation: spec\.image: the module imports proxy_\w+.*: not among none; .* \(WasmPolicy quiet, rule capabilities\.allow\)$/,
  );
  await kube(["delete", "wasmpolicy", "quiet"]);
  await policy({ maxModuleSize: "10" }, "limits");
  await until("f", (now) => /the module has \d+ bytes, more than 10; .* \(WasmPolicy limits, rule maxModuleSize\)/.test(conditionOf(now)));
  await policy({ maxModuleSize: "1Mi", maxLoad: "1m" }, "limits");
  await until("f", ({ status }) => status?.stableRevision === 1);
  await kube(["delete", "wasmpolicy", "limits"]);
});

test("the key of a policy is read from Weir's own namespace, and its filters are judged again when it comes and changes", async () => {
  await kube(["delete", "wf", "--all", "-n", "shop"]);
  await kube(["create", "namespace", "weir-system"]);
  await kube(
    ["apply", "-f", "-"],
    (await createSnippets("policy")).text("keys").replace("registry.example/signed/**", `${registry.host}/ours/**`),
  );
  await filter("f", `${registry.host}/ours/f:1`);
  const verified = (now: WasmFilter) => conditionOf(now, "Verified");
  const missing = await until("f", (now) => verified(now).startsWith("False ConfigMapNotFound"));
  assert.match(verified(missing), /WasmPolicy signed, images\[0\]\.verify\[0\]: .*weir-system\/release-keys/);
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const data = (text: string) =>
    JSON.stringify({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "release-keys", namespace: "weir-system" },
      data: { "cosign.pub": text },
    });
  await kube(["apply", "-f", "-"], data(publicKey.export({ type: "spki", format: "pem" }).toString()));
  await until("f", (now) => verified(now).startsWith("False SignatureNotFound"));
  await kube(["apply", "-f", "-"], data("no key"));
  await until("f", (now) => verified(now).startsWith("False PublicKeyInvalid"));
  await kube(["delete", "wasmpolicy", "signed"]);
  await until("f", ({ status }) => status?.stableRevision === 1);
});

test("the API server takes every policy that is ready to use, and Weir reads them", async () => {
  await kube(["apply", "-f", join(ROOT, "deploy/policies")]);
  const names = ["our-registry", "digests-in-production", "signed", "no-callouts", "limits", "fail-closed", "registry-audit"];
  for (const name of names)
    await eventually(name, async () => (await statusOf(name)).conditions?.find(({ type }) => type === "Accepted")?.status === "True");
  await kube(["delete", "-f", join(ROOT, "deploy/policies")]);
});

test("the policy and the commands of docs/policy.md do what the page says, and weir check tells of what matches nothing", async () => {
  const page = await createSnippets("policy");
  await kube(["apply", "-f", "-"], page.text("policy"));
  await eventually("its status", async () => (await statusOf()).conditions?.every(({ status }) => status === "True"));
  const [listed = "", described = "", table = "", violations = ""] = page.text("status").trim().split("\n");
  const weirSays = (line: string) => cli([...line.replace(/^weir /, "").split(" "), "--kubeconfig", cluster.kubeconfig]);
  assert.match(await weirSays(listed), /^NAME +MODE +FILTERS .*\nbase +Enforce +0 +0 +True/);
  assert.match(await weirSays(described), /^base \(Enforce\) +NoFilters: [\s\S]*\nNamespaces +team=payments\n[\s\S]*\n +maxLoad +2s\n/);
  const words = (line: string) =>
    line
      .replace(/^kubectl /, "")
      .replaceAll("'", "")
      .split(" ");
  assert.match(await kube(words(table)), /^NAME +MODE +FILTERS .*\nbase +Enforce +0 +0 +True/);
  assert.equal(await kube(words(violations)), "");
  const check = async () => cli(["check", "--kubeconfig", cluster.kubeconfig]).catch((error: Error) => error.message);
  assert.match(await check(), /^warn +policies +WasmPolicy base is for no namespace; check spec\.namespaceSelector$/m);
  // Without filters: those of other tests have images that the page does not name.
  await kube(["create", "namespace", "quiet"]);
  await kube(["label", "namespace", "quiet", "team=payments"]);
  assert.match(await check(), /^ok +policies +1 of them, each for some namespace/m);
});
