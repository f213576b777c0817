import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pushModule } from "../oci/index.ts";
import { localBootstrap } from "./support/bootstrap.ts";
import { type EchoApp, startEchoApp } from "./support/echo-app.ts";
import { type Envoy, startEnvoy } from "./support/envoy.ts";
import { eventually } from "./support/process.ts";
import { createSnippets } from "./support/snippets.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { get } from "./support/traffic.ts";
import { headerFilter } from "./support/wat.ts";
import { weir as cli, startWeir, type Weir } from "./support/weir.ts";

let home: Awaited<ReturnType<typeof createTempFolder>>;
let filters: string;
let app: EchoApp;
let weir: Weir;
let envoy: Envoy;
let port: number;

before(async () => {
  [home, app] = await Promise.all([createTempFolder("policy-envoy"), startEchoApp()]);
  filters = join(home.path, "filters");
  await mkdir(filters);
  for (const [image, value] of [
    ["ours:1", "one"],
    ["ours:2", "two"],
    ["theirs:1", "three"],
  ]) {
    const module = await headerFilter({ name: "x-policy", value: value ?? "" });
    const pushed = await pushModule(`oci-layout:./${image}`, module, { keychain: new Map(), layoutBase: home.path });
    assert.ok(pushed.ok, JSON.stringify(pushed));
  }
  weir = await startWeir({ source: ["--filters", filters], data: join(home.path, "data"), cwd: home.path });
  const config = localBootstrap({ node: "web-1", xdsPort: weir.xdsPort, appPort: app.port });
  envoy = await startEnvoy({ config, log: "warning", concurrency: 1 });
  port = await envoy.port();
});

after(async () => {
  await envoy?.stop();
  await weir?.stop();
  await app?.stop();
  await home?.remove();
});

const manifest = (image: string) =>
  `apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata: {name: f}\nspec:\n  image: oci-layout:./${image}\n  rollout: {steps: [{percent: 100}]}\n`;
const POLICY = `apiVersion: weir.dev/v1alpha1
kind: WasmPolicy
metadata: {name: ours}
spec:
  namespaceSelector: {matchLabels: {team: a}}
  images: [{pattern: "oci-layout:ours"}]
---
apiVersion: v1
kind: Namespace
metadata: {name: default, labels: {team: a}}
`;

const put = (name: string, text: string) => writeFile(join(filters, name), text);
const value = async () => (await get(port)).headers["x-policy"];
const serves = (wanted: string) => eventually(`a header ${wanted}`, async () => (await value()) === wanted, 30_000);
const permitted = async () => {
  const found = (await weir.filter("f"))?.status?.conditions?.find(({ type }) => type === "Permitted");
  return found === undefined ? "" : `${found.status} ${found.reason}: ${found.message}`;
};
const run = (args: readonly string[]) => cli([...args, "--filters", filters, "--server", weir.url], { cwd: home.path });

test("in a folder a filter that violates a policy is held, and real Envoy goes on with the revision before", async () => {
  const why = "spec.image: oci-layout:theirs is not allowed; take the image from one of oci-layout:ours (WasmPolicy ours, rule images)";
  await put("f.yaml", manifest("ours:1"));
  await serves("one");
  await weir.until("the first revision in force", "f", ({ status }) => status?.stableRevision === 1);
  await put("policy.yaml", POLICY);
  await eventually("the policy to be known", async () => (await permitted()) === "True Permitted: holds to 1 policy: ours");
  await put("f.yaml", manifest("theirs:1"));
  await eventually("the refusal", async () => (await permitted()) === `False PolicyViolation: ${why}; revision 1 keeps serving`);
  assert.equal(await value(), "one");
  assert.match(await run(["describe", "f"]), /Permitted +False +\S+ +PolicyViolation/);
  assert.match(await run(["get"]), /PolicyViolation/);

  // What was in force stays so over a restart, though the file is broken now.
  await put("policy.yaml", "apiVersion: [");
  await weir.kill();
  await weir.start();
  await eventually("the proxy to be back", async () => (await weir.proxies()).some(({ connected }) => connected), 30_000);
  await put("f.yaml", `${manifest("theirs:1")}  config: changed\n`);
  await eventually(
    "the refusal of another spec",
    async () => {
      const { metadata, status } = (await weir.filter("f")) ?? {};
      return metadata?.generation === 3 && status?.observedGeneration === 3 && (await permitted()).startsWith("False PolicyViolation");
    },
    30_000,
  );
  assert.equal(await value(), "one");

  await put("policy.yaml", POLICY);
  await put("f.yaml", manifest("ours:2"));
  await serves("two");
  await weir.until("the second revision in force", "f", ({ status }) => status?.stableRevision === 2);
  await put("f.yaml", manifest("theirs:1"));
  await eventually("the refusal", async () => (await permitted()).startsWith("False PolicyViolation"));
  await rm(join(filters, "policy.yaml"));
  await serves("three");
  assert.equal(await permitted(), "");
});

test("what docs/policy.md says of a folder holds: a namespace has the labels of its manifest", async () => {
  const page = await createSnippets("policy");
  await put("docs-policy.yaml", page.text("policy"));
  await put("docs-namespace.yaml", page.text("folder"));
  const file = join(home.path, "shop.yaml");
  await writeFile(file, manifest("theirs:1").replace("name: f", "name: s, namespace: shop"));
  await assert.rejects(run(["apply", "-f", file]), /spec\.image: oci-layout:theirs is not allowed; .* \(WasmPolicy base, rule images\)/);
  await rm(join(filters, "docs-namespace.yaml"));
  assert.match(await run(["apply", "-f", file]), /WasmFilter shop\/s created/);
  await Promise.all(["docs-policy.yaml", "shop-s.yaml"].map((name) => rm(join(filters, name))));
});

test("weir plan and weir apply tell of it beforehand", async () => {
  await put("f.yaml", manifest("theirs:1"));
  await put("policy.yaml", POLICY);
  const file = join(home.path, "next.yaml");
  await writeFile(file, manifest("theirs:1").replace("name: f", "name: g"));
  const why = /spec\.image: oci-layout:theirs is not allowed; .* \(WasmPolicy ours, rule images\)/;
  await eventually("the policy to be known", async () => (await permitted()) !== "");
  await assert.rejects(run(["plan", "-f", file]), (error: Error) => {
    assert.match(error.message, /WasmFilter default\/g would be refused\n +PolicyViolation: /);
    assert.match(error.message, why);
    return true;
  });
  await assert.rejects(run(["apply", "-f", file]), why);
  await put("policy.yaml", POLICY.replace("spec:", "spec:\n  mode: Audit"));
  await eventually("the audit", async () => (await permitted()).startsWith("True AuditedViolation"));
  assert.match(await run(["apply", "-f", file]), /WasmFilter default\/g created/);
  await eventually("it to be served", async () => (await weir.filter("g"))?.status?.stableRevision === 1, 30_000);
});
