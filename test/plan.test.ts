import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "yaml";
import { main } from "../cli/main.ts";
import { createFakeTerminal } from "../cli/testing/terminal.ts";
import type { FilterPlan } from "../model/plan.ts";
import { pushModule } from "../oci/index.ts";
import { installGoTool } from "../scripts/tools/go.ts";
import { type Cluster, installCrds, kubectl, startCluster } from "./support/cluster.ts";
import { startEnvoy } from "./support/envoy.ts";
import { eventually, startProcess } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createSnippets } from "./support/snippets.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { badModules, headerFilter } from "./support/wat.ts";
import { condition, startWeir, type Weir, weir } from "./support/weir.ts";

/** `weir plan` on a real API server, registry and Envoys: what it says is what an apply then does, and it changes nothing itself. */

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const documented = await readDocumented();
const PROXIES = ["web-1", "web-2", "web-3", "web-4"];
const open: (() => Promise<unknown>)[] = [];
let cluster: Cluster;
let registry: Registry;
let server: Weir;
let folder: string;
let ci: string;

before(async () => {
  const temp = await createTempFolder("plan");
  open.push(temp.remove);
  folder = temp.path;
  [cluster, registry] = await Promise.all([startCluster(), startRegistry()]);
  open.push(cluster.stop, registry.stop);
  await installCrds(cluster);
  await run("create", "namespace", "shop");
  await run("create", "namespace", "bank");
  await push("one", await headerFilter({ name: "x-weir", value: "one" }));
  await push("two", await headerFilter({ name: "x-weir", value: "two" }));
  await push("bad", await badModules.missingImport());
  const flags = ["--allow-address", "127.0.0.1"];
  server = await startWeir({ source: ["--kubeconfig", cluster.kubeconfig], data: join(folder, "data"), flags });
  open.push(server.stop);
  await Promise.all(PROXIES.map((node) => startProxy(server, node)));
  await run("-n", "shop", "create", "serviceaccount", "ci");
  await apply(stringify(documented.role));
  await run("-n", "shop", "create", "rolebinding", "ci", "--role=deployer", "--serviceaccount=shop:ci");
  ci = await tokenOf("ci", "weir.dev");
});

after(async () => {
  for (const close of open.reverse()) await close();
});

const run = (...args: string[]) => kubectl(args, { kubeconfig: cluster.kubeconfig });

/** The YAML of docs/plan.md. */
async function readDocumented() {
  const [workflow, role, ...others] = (await createSnippets("plan")).unnamed().map((body) => parse(body));
  assert.deepEqual(others, []);
  const step = workflow.jobs.plan.steps.find(({ run }: { run?: string }) => run !== undefined);
  return { role, script: String(step.run) };
}

async function push(tag: string, module: Uint8Array): Promise<void> {
  const pushed = await pushModule(`${registry.host}/filter:${tag}`, module, { keychain: new Map() });
  assert.ok(pushed.ok, JSON.stringify(pushed));
}

async function startProxy({ xdsPort }: Weir, node: string): Promise<void> {
  const who = ["--node", node, "--namespace", "shop", "--label", "app=web"];
  const config = await weir(["bootstrap", ...who, "--xds", `127.0.0.1:${xdsPort}`, "--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:9"]);
  const envoy = await startEnvoy({ config, log: "warning", concurrency: 1 });
  open.push(envoy.stop);
}

/** A file with a token of a ServiceAccount of the namespace shop. */
async function tokenOf(account: string, audience: string): Promise<string> {
  const file = join(folder, `${account}-${audience}.token`);
  await writeFile(file, await run("-n", "shop", "create", "token", account, "--audience", audience), { mode: 0o600 });
  return file;
}

async function command(argv: readonly string[], input: string, token: string | undefined = ci) {
  const env = { KUBECONFIG: cluster.kubeconfig, WEIR_SERVER: server.url, ...(token === "" ? {} : { WEIR_TOKEN_FILE: token }) };
  const { terminal, written } = createFakeTerminal({ env, input, now: Date.now() });
  return { status: await main(argv, terminal), ...written };
}

const plan = (input: string, token?: string) => command(["plan", "-f", "-"], input, token);

async function planJson(input: string): Promise<{ readonly status: number; readonly objects: readonly (FilterPlan & { kind: string })[] }> {
  const { status, out, err } = await command(["plan", "-f", "-", "-o", "json"], input);
  assert.notEqual(out, "", err);
  return { status, ...JSON.parse(out) };
}

const STEPS = "rollout: {steps: [{percent: 50, pause: true}, {percent: 100}]}";
const manifest = (tag: string, more = "rollout: {steps: [{percent: 100}]}", metadata = "name: add-header, namespace: shop") =>
  `apiVersion: weir.dev/v1alpha1
kind: WasmFilter
metadata: {${metadata}}
spec:
  image: ${registry.host}/filter:${tag}
  selector: {matchLabels: {app: web}}
  ${more}
`;

/** Every object that Weir may write, with its version. */
async function versions(): Promise<string> {
  const kinds = "wasmfilters,controllerrevisions,secrets,configmaps,events,serviceaccounts";
  return run("get", kinds, "-A", "-o", 'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{"\\n"}{end}');
}

/** The data folder but for the store's modules and their records. */
async function dataOf(data: string): Promise<readonly (readonly [string, string])[]> {
  const files = await readdir(data, { recursive: true, withFileTypes: true });
  const kept = files.filter((file) => file.isFile() && !file.parentPath.startsWith(join(data, "modules")));
  return Promise.all(
    kept.map(async ({ parentPath, name }) => [join(parentPath, name), (await readFile(join(parentPath, name))).toString("hex")] as const),
  );
}

async function apply(text: string): Promise<void> {
  await kubectl(["apply", "-f", "-"], { kubeconfig: cluster.kubeconfig, input: text });
}

describe("a plan in a cluster", () => {
  test("says what would be created, without creating it; then an apply does it, and nothing is left to change", async () => {
    await eventually("the proxies", async () => (await server.proxies()).length === PROXIES.length, 30_000);
    const { status, out } = await plan(manifest("one"));
    assert.equal(status, 3, out);
    assert.match(out, /^WasmFilter shop\/add-header would be created\n {2}revision +not set -> 1\n/);
    assert.match(out, /proof: passed, ABI 0\.2\.1, \d+ bytes, loads in .* of CPU on each proxy/);
    assert.match(out, /wave 1 of 1 {2}100% {2}4 proxies: shop\/web-1, shop\/web-2, shop\/web-3, shop\/web-4\n/);
    assert.equal(await run("-n", "shop", "get", "wf", "-o", "name"), "");
    assert.equal((await command(["apply", "-f", "-"], manifest("one"))).status, 0);
    await server.until("Ready", "add-header", (found) => condition(found, "Ready") === "True Ready");
    const again = await plan(manifest("one"));
    assert.deepEqual([again.status, again.out], [0, "WasmFilter shop/add-header would stay as it is\n"]);
  });

  test("names the proxies of each wave as the rollout then takes them, and nothing of the cluster or the data folder changes by it", async (t) => {
    const change = manifest("two", `${STEPS}\n  config: {a: 1}`);
    const settled = async () => {
      const first = await versions();
      await new Promise((done) => setTimeout(done, 500));
      return first === (await versions());
    };
    await eventually("writes to end", settled, 20_000);
    const before = [await versions(), await dataOf(join(folder, "data"))];
    const began = performance.now();
    const { status, objects } = await planJson(change);
    t.diagnostic(`a plan that fetches and proves a module: ${(performance.now() - began).toFixed(0)} ms`);
    assert.deepEqual([await versions(), await dataOf(join(folder, "data"))], before);
    assert.equal(status, 3);
    const [found] = objects;
    assert.deepEqual([found?.action, found?.before?.number, found?.after?.number], ["changed", 1, 2]);
    assert.deepEqual(
      found?.revision.map(({ field }) => field),
      ["image", "digest", "wasmDigest", "config"],
    );
    assert.deepEqual(
      found?.rollout?.waves.map(({ percent, pause, proxies }) => [percent, pause, proxies]),
      [
        [50, true, 2],
        [100, false, 2],
      ],
    );
    assert.equal((await command(["apply", "-f", "-", "--dry-run=server"], change)).status, 3);
    assert.deepEqual(await versions(), before[0]);
    await apply(change);
    const first = found?.rollout?.waves[0]?.first.map(({ id }) => id) ?? [];
    const updated = async () => {
      const proxies = await server.proxies();
      return proxies.filter(({ slots }) =>
        slots.some(({ filters }) => filters.some(({ revision, state }) => revision === 2 && state === "updated")),
      );
    };
    const wave = await eventually("wave 1", async () => ((await updated()).length === 2 ? updated() : undefined), 20_000);
    assert.deepEqual(wave.map(({ id }) => id).sort(), [...first].sort());
    assert.equal((await plan(change)).status, 0);
    assert.equal((await command(["rollout", "promote", "shop/add-header"], "")).status, 0);
    await server.until("Ready", "add-header", (found) => condition(found, "Ready") === "True Ready");
    const differs = await command(["diff", "shop/add-header", "1"], "");
    assert.match(
      differs.out,
      /^revision 1 -> 2\n {2}image .*filter:one -> .*filter:two\n {2}digest .*\n {2}wasmDigest .*\n {2}config +none -> \{"a":1\}\n$/,
    );
  });

  test("a module that would be refused is refused in the words that the status shows", async () => {
    const refused = await plan(manifest("bad", STEPS));
    assert.equal(refused.status, 1);
    assert.match(refused.out, /^WasmFilter shop\/add-header would be refused\n {2}MissingImport: .*no_such_host_function/);
    assert.equal(refused.err, "error: 1 of 1 objects would be refused\n");
    const { objects } = await planJson(manifest("bad", STEPS));
    await apply(manifest("bad", STEPS));
    const shown = await server.until("the refusal", "add-header", (found) => condition(found, "Validated") === "False MissingImport");
    const message = shown.status?.conditions?.find(({ type }) => type === "Validated")?.message ?? "";
    assert.ok(message.startsWith(objects[0]?.refusal?.message ?? "?"), `${message}\n${objects[0]?.refusal?.message}`);
    await apply(manifest("two", `${STEPS}\n  config: {a: 1}`));
    const invalid = await plan(manifest("one", "rollout: {steps: [{percent: 101}]}"));
    assert.equal(invalid.status, 1);
    assert.match(invalid.out, /would be refused\n {2}Invalid: .*spec\.rollout\.steps\[0\]\.percent/);
    assert.equal((await plan(manifest("none"))).status, 1);
  });

  test("of a private image is made with the pull secret that the filter names, applied before or beside it", async (t) => {
    const auth = { username: "reader", password: "hunter2-registry" };
    const closed = await startRegistry({ auth });
    t.after(closed.stop);
    const pushed = await pushModule(`${closed.host}/private:1`, await headerFilter({ name: "x-weir", value: "one" }), {
      keychain: new Map([[closed.host, [auth]]]),
    });
    assert.ok(pushed.ok, JSON.stringify(pushed));
    const filter = (more: string) =>
      manifest("one", more, "name: private, namespace: shop").replace(`${registry.host}/filter:one`, `${closed.host}/private:1`);
    const named = filter("pullSecrets: [{name: regcred}]");
    const denied = await plan(filter("whenMissing: Closed"));
    assert.equal(denied.status, 1);
    assert.match(
      denied.out,
      /^WasmFilter shop\/private would wait\n {2}AccessDenied: .*\n {2}an apply is taken.* 503 in its place, on 4 proxies now/,
    );
    assert.match((await plan(named)).out, /would wait\n {2}SecretNotFound: spec\.pullSecrets/);
    const dockerconfig = JSON.stringify({ auths: { [closed.host]: auth } });
    const secret = `apiVersion: v1\nkind: Secret\ntype: kubernetes.io/dockerconfigjson\nmetadata: {name: regcred, namespace: shop}\nstringData: {.dockerconfigjson: '${dockerconfig}'}\n`;
    const beside = await plan(`${secret}---\n${named}`);
    assert.equal(beside.status, 3, beside.out + beside.err);
    assert.match(beside.out, /WasmFilter shop\/private would be created\n {2}revision +not set -> 1\n/);
    await apply(secret);
    const before = await plan(named);
    assert.equal(before.status, 3, before.out + before.err);
    await run("-n", "shop", "delete", "secret", "regcred");
    assert.doesNotMatch(denied.out + beside.out + before.out + server.logs(), /hunter2/);
  });

  test("says who signed the image, by which Secret's key, or that nobody did; the apply then says the same", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    await writeFile(join(folder, "signing.pem"), privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
    await push("signed", await headerFilter({ name: "x-weir", value: "signed" }));
    const pem = publicKey.export({ format: "pem", type: "spki" }).toString();
    const keys = stringify({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "release-keys", namespace: "shop" },
      stringData: { "cosign.pub": pem },
    });
    const verify = "verify: [{cosign: {publicKeySecret: {name: release-keys, key: cosign.pub}}}]";
    const wanted = `${keys}---\n${manifest("signed", verify, "name: signed, namespace: shop")}`;
    const unsigned = await plan(wanted);
    assert.equal(unsigned.status, 1);
    assert.match(unsigned.out, /WasmFilter shop\/signed would .*\n {2}SignatureNotFound: spec\.verify\[0\]: \S+ is not signed/);
    const signed = await command(["sign", `${registry.host}/filter:signed`, "--key", join(folder, "signing.pem")], "", "");
    assert.equal(signed.status, 0, signed.err);
    const planned = await plan(wanted);
    assert.equal(planned.status, 3, planned.out);
    assert.match(planned.out, /\n {2}signed by key [0-9a-f]+ of Secret release-keys, as spec\.verify\[0\] asks for\n/);
    const { objects } = await planJson(wanted);
    const [signature] = objects.find(({ kind }) => kind === "WasmFilter")?.signatures ?? [];
    assert.deepEqual({ ...signature, by: "" }, { by: "", keyFrom: "Secret release-keys", demands: ["spec.verify[0]"] });
    assert.equal((await command(["apply", "-f", "-"], wanted)).status, 0);
    const found = await server.until("Verified", "signed", (each) => condition(each, "Verified") === "True Verified");
    const told = found.status?.conditions?.find(({ type }) => type === "Verified")?.message ?? "";
    assert.ok(told.includes(signature?.by ?? "?"), told);
    await run("-n", "shop", "delete", "wf", "signed");
  });

  test("tells of a pin that an earlier rollback set and the manifest does not mention", async () => {
    const digest = JSON.parse(await run("-n", "shop", "get", "wf", "add-header", "-o", "json")).status.digest;
    const manifestNow = manifest("two", `${STEPS}\n  config: {a: 1}`);
    assert.equal((await command(["rollback", "shop/add-header", "--to", digest], "")).status, 0);
    const pinned = `  it stays pinned to ${digest}; \`weir rollback add-header --unpin\` lets it follow its image\n`;
    const found = await plan(manifestNow);
    assert.equal(found.out, `WasmFilter shop/add-header would stay as it is\n${pinned}`);
    assert.ok((await plan(manifest("one", `${STEPS}\n  config: {a: 1}`))).out.endsWith(pinned));
    assert.ok((await command(["apply", "-f", "-"], manifestNow)).out.endsWith(pinned), "as an apply does");
    const { objects } = await planJson(manifestNow);
    assert.equal((objects[0] as { pin?: string } | undefined)?.pin, digest);
    assert.equal((await command(["rollback", "shop/add-header", "--unpin"], "")).status, 0);
    assert.equal((await plan(manifestNow)).out, "WasmFilter shop/add-header would stay as it is\n");
  });

  test("Secrets of the same manifest count, and are never shown; several documents are told one by one", async () => {
    const secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: conf, namespace: shop}\nstringData: {k: hunter2-secret}\n";
    const from = "configFrom: {secretKeyRef: {name: conf, key: k}}";
    const filter = manifest("one", from, "name: secretive, namespace: shop");
    const secrets = () => run("-n", "shop", "get", "secret", "-o", "name");
    const before = await secrets();
    const alone = await plan(filter);
    assert.equal(alone.status, 1);
    assert.match(alone.out, /SecretNotFound: /);
    const both = await plan(`${secret}---\n${filter}`);
    assert.equal(both.status, 3, both.out + both.err);
    assert.match(both.out, /^Secret shop\/conf would be created\nWasmFilter shop\/secretive would be created\n/);
    assert.doesNotMatch(both.out + server.logs(), /hunter2/);
    assert.equal(await secrets(), before);
  });
});

/** Runs the step of the documented pipeline. There is no pod to forward a port of: the server's own takes its place. */
async function runStep(filters: string): Promise<{ readonly code: number | null; readonly summary: string }> {
  const work = join(folder, "pipeline");
  await mkdir(join(work, "filters"), { recursive: true });
  await writeFile(join(work, "filters/filter.yaml"), filters);
  const kubectl = await installGoTool("kubectl");
  const programs = {
    weir: `exec ${join(ROOT, "bin/weir")} "$@"`,
    kubectl: `case "$*" in *port-forward*) ;; *) exec ${kubectl} "$@" ;; esac`,
  };
  for (const [name, text] of Object.entries(programs)) await writeFile(join(work, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  const script = documented.script.replaceAll("http://127.0.0.1:18001", server.url).replaceAll("create token deployer", "create token ci");
  const summary = join(work, "summary");
  await writeFile(summary, "");
  const env = {
    PATH: `${work}:${process.env.PATH}`,
    KUBECONFIG: cluster.kubeconfig,
    WEIR_SERVER: server.url,
    GITHUB_STEP_SUMMARY: summary,
  };
  const step = await startProcess("bash", ["-e", "-c", script], { name: "the step", cwd: work, env });
  const { code } = await step.exited;
  return { code, summary: await readFile(summary, "utf8") };
}

test("the documented step of a pipeline passes with a change and fails with a refusal, and shows both", async () => {
  const change = await runStep(manifest("one"));
  assert.equal(change.code, 0, change.summary);
  assert.match(change.summary, /^WasmFilter shop\/add-header would be changed\n/);
  const refusal = await runStep(manifest("bad"));
  assert.equal(refusal.code, 1);
  assert.match(refusal.summary, /would be refused\n {2}MissingImport: /);
});

describe("who may ask", () => {
  const ask = async (body: string, headers: Record<string, string>) => {
    const response = await fetch(`${server.url}/api/v1/plan`, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", ...headers },
    });
    return { status: response.status, message: ((await response.json()) as { error: { message: string } }).error.message };
  };

  test("is who may apply: others are refused, with what to do", async () => {
    const nobody = await plan(manifest("one"), "");
    assert.equal(nobody.status, 1);
    assert.match(nobody.err, /answered 401: .*kubectl create token NAME -n NAMESPACE --audience weir\.dev.*--token-file/);
    const wrong = await plan(manifest("one"), await tokenOf("ci", "elsewhere"));
    assert.match(wrong.err, /answered 401: the token is not for the audience weir\.dev/);
    await run("-n", "shop", "create", "serviceaccount", "reader");
    const reader = await plan(manifest("one"), await tokenOf("reader", "weir.dev"));
    assert.equal(reader.status, 1);
    assert.match(reader.err, /answered 403: system:serviceaccount:shop:reader may not get WasmFilters in namespace shop/);
    const elsewhere = await plan(manifest("one", "priority: 1", "name: add-header, namespace: bank"));
    assert.match(elsewhere.err, /answered 403: system:serviceaccount:shop:ci may not create WasmFilters in namespace bank/);
  });

  test("a token that nobody signed, a body that is no List, a page of another origin", async () => {
    const list = JSON.stringify({ kind: "List", items: [] });
    const token = (await readFile(ci, "utf8")).trim();
    const forged = `${token.split(".").slice(0, 2).join(".")}.${"a".repeat(86)}`;
    assert.equal((await ask(list, { authorization: `Bearer ${forged}` })).status, 401);
    const mine = { authorization: `Bearer ${token}` };
    assert.equal((await ask("[]", mine)).status, 400);
    assert.equal((await ask("[", mine)).status, 400);
    assert.equal((await ask(list, { ...mine, "content-type": "text/plain" })).status, 415);
    assert.equal((await ask(list, { ...mine, origin: "http://elsewhere.example" })).status, 403);
    assert.equal((await ask(`{"kind":"List","items":["${"x".repeat(5_000_000)}"]}`, mine)).status, 413);
    assert.equal((await fetch(`${server.url}/api/v1/plan`)).status, 405);
  });
});

test("a plan for a folder of manifests is made by the server of this machine, and leaves folder and data as they are", async () => {
  const [filters, data] = [join(folder, "filters"), join(folder, "folder-data")];
  await mkdir(filters);
  const local = await startWeir({ source: ["--filters", filters], data });
  open.push(local.stop);
  const on = async (argv: readonly string[], input: string) => {
    const env = { WEIR_FILTERS: filters, WEIR_SERVER: local.url };
    const { terminal, written } = createFakeTerminal({ env, input, now: Date.now() });
    return { status: await main([...argv, "-f", "-"], terminal), ...written };
  };
  assert.equal((await on(["apply"], manifest("one"))).status, 0);
  await local.until(
    "Ready",
    "add-header",
    (found) => condition(found, "Ready") === "True NoProxies" || condition(found, "Ready").startsWith("True"),
  );
  const before = [await dataOf(data), await dataOf(filters)];
  const changed = await on(["plan"], manifest("two"));
  assert.equal(changed.status, 3, changed.out + changed.err);
  assert.match(changed.out, /would be changed\n {2}revision +1 -> 2\n {2}image +.*:one -> .*:two\n/);
  assert.equal((await on(["plan"], manifest("one"))).status, 0);
  assert.deepEqual([await dataOf(data), await dataOf(filters)], before);
  await local.stop();
  const away = await on(["plan"], manifest("two"));
  assert.equal(away.status, 1);
  assert.match(away.err, /no Weir answers at .*; start `weir serve`, or name its address with --server/);
});
