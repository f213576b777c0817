import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { main } from "../cli/main.ts";
import { createFakeTerminal } from "../cli/testing/terminal.ts";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import { copyImage, openReference, pushModule } from "../oci/index.ts";
import { valued } from "../oci/testing/result.ts";
import { type Cluster, installCrds, kubectl, rightCounts, startCluster } from "./support/cluster.ts";
import { eventually } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";
import { startWeir, type Weir } from "./support/weir.ts";

/** `weir promote` and `weir bump` on a real API server: rights, other field managers, admission, and what changes meanwhile. */

const DEPLOYER = "deployer";
const READER = "reader";
const keychain = new Map();
const digests = new Map<string, string>();
const open: (() => Promise<unknown>)[] = [];
let cluster: Cluster;
let registry: Registry;
let server: Weir;
let token: string;
const kubeconfigs = new Map<string, string>();

const run = (...args: string[]) => kubectl(args, cluster);
const apply = (input: string, ...flags: string[]) => kubectl(["apply", ...flags, "-f", "-"], { ...cluster, input });
const image = (tag: string, repository = "team/f") => `${registry.host}/${repository}:${tag}`;

const manifest = (namespace: string, name: string, spec: string) =>
  `apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata: {name: ${name}, namespace: ${namespace}, labels: {team: shop}}\nspec: {${spec}}\n`;

const stored = async (namespace: string, name: string) =>
  JSON.parse(await run("-n", namespace, "get", "wf", name, "-o", "json", "--show-managed-fields")) as WasmFilter & {
    readonly metadata: { readonly resourceVersion: string; readonly managedFields: readonly { manager: string; operation: string }[] };
  };

const ready = (namespace: string, name: string) =>
  eventually(
    `${namespace}/${name} to be ready`,
    async () => {
      const { status, metadata } = await stored(namespace, name);
      const isReady = status?.conditions?.some((each) => each.type === "Ready" && each.status === "True");
      return isReady && status?.observedGeneration === metadata.generation ? status : undefined;
    },
    60_000,
  );

/** One command by a user; `answer`: what is typed to a question, after what happens meanwhile. */
async function weir(user: string, argv: readonly string[], meanwhile?: () => Promise<unknown>) {
  const env = { KUBECONFIG: kubeconfigs.get(user) ?? "", WEIR_SERVER: server.url, WEIR_TOKEN_FILE: token };
  const { terminal, written } = createFakeTerminal({ env, now: Date.now() });
  const ask = async () => {
    await meanwhile?.();
    return "y";
  };
  return { status: await main(argv, meanwhile === undefined ? terminal : { ...terminal, ask }), ...written };
}

const rules = (verbs: string) => `rules: [{apiGroups: [weir.dev], resources: [wasmfilters], verbs: [${verbs}]}]`;
const role = (name: string, verbs: string) =>
  `apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: ${name}}\n${rules(verbs)}\n`;

before(async () => {
  const folder = await createTempFolder("promote-cluster");
  open.push(folder.remove);
  [cluster, registry] = await Promise.all([startCluster({ users: [DEPLOYER, READER] }), startRegistry()]);
  open.push(cluster.stop, registry.stop);
  await installCrds(cluster);
  for (const namespace of ["staging", "prod", "shop"]) await run("create", "namespace", namespace);
  for (const [tag, value] of Object.entries({ one: "1", two: "2" })) {
    const module = await headerFilter({ name: "x-weir", value });
    digests.set(tag, valued(await pushModule(image(tag), module, { keychain })).digest);
  }
  await apply([role(DEPLOYER, "get, list, patch, create"), role(READER, "get, list")].join("---\n"));
  for (const user of [DEPLOYER, READER]) {
    kubeconfigs.set(user, await cluster.kubeconfigFor(user));
    await run("create", "clusterrolebinding", user, `--clusterrole=${user}`, `--user=${user}`);
    await rightCounts(cluster, user, "list", "wasmfilters.weir.dev", "--all-namespaces");
  }
  await run("-n", "shop", "create", "serviceaccount", "ci");
  await run("create", "clusterrolebinding", "ci", `--clusterrole=${DEPLOYER}`, "--serviceaccount=shop:ci");
  token = join(folder.path, "token");
  await writeFile(token, await run("-n", "shop", "create", "token", "ci", "--audience", "weir.dev"), { mode: 0o600 });
  await apply(manifest("staging", "f", `image: "${image("two")}"`));
  await apply(manifest("prod", "f", `image: "${image("one")}"`));
  server = await startWeir({
    source: ["--kubeconfig", cluster.kubeconfig],
    data: join(folder.path, "data"),
    flags: ["--allow-address", "127.0.0.1"],
  });
  open.push(server.stop);
  await Promise.all([ready("staging", "f"), ready("prod", "f")]);
});

after(async () => {
  for (const close of open.reverse()) await close();
});

const promotion = ["promote", "f", "--from", "staging", "--to", "prod"];

describe("weir promote in a cluster", () => {
  test("shows without writing; who may not patch is told so in the API server's words", async () => {
    const before = await stored("prod", "f");
    const shown = await weir(READER, promotion);
    assert.equal(shown.status, 0, shown.err);
    assert.equal(shown.out, `WasmFilter prod/f: what staging runs as revision 1\n  spec:\n+   digest: ${digests.get("two")}\n`);
    const refused = await weir(READER, [...promotion, "--apply"]);
    assert.equal(refused.status, 1);
    assert.match(
      refused.err,
      /cannot change WasmFilter prod\/f: .*User "reader" cannot patch resource "wasmfilters" in API group "weir\.dev" in the namespace "prod"; ask for a Role/,
    );
    assert.deepEqual((await stored("prod", "f")).spec, before.spec);
  });

  test("pins under a field manager of its own, a later kubectl apply leaves the pin, and proxies get it", async () => {
    const done = await weir(DEPLOYER, [...promotion, "--apply"]);
    assert.equal(done.status, 0, done.err);
    assert.match(done.out, /\nprod\/f is pinned to it\n$/);
    const { spec, metadata } = await stored("prod", "f");
    assert.equal(spec.digest, digests.get("two"));
    assert.ok(metadata.managedFields.some(({ manager, operation }) => manager === "weir-cli" && operation === "Update"));
    await apply(manifest("prod", "f", `image: "${image("one")}", priority: 7`));
    assert.equal((await stored("prod", "f")).spec.digest, digests.get("two"));
    assert.equal((await ready("prod", "f")).digest, digests.get("two"));
    assert.match((await weir(DEPLOYER, [...promotion, "--apply"])).out, /is pinned to what staging runs .* already/);
  });

  test("takes nothing from another field manager unless it is told to, as kubectl does", async () => {
    const flux = ["--server-side", "--field-manager=kustomize-controller"];
    const pinned = manifest("prod", "f", `image: "${image("one")}", digest: "${digests.get("one")}"`);
    await apply(pinned, ...flux, "--force-conflicts");
    const shown = await weir(DEPLOYER, promotion);
    assert.match(shown.err, /prod\/f: conflict with "kustomize-controller" over spec\.digest, which would be set back at its next apply/);
    const refused = await weir(DEPLOYER, [...promotion, "--apply"]);
    assert.equal(refused.status, 1);
    assert.match(
      refused.err,
      /conflict with "kustomize-controller" over spec\.digest.*change it where that manager has it, or take it with --force-conflicts/,
    );
    assert.equal((await stored("prod", "f")).spec.digest, digests.get("one"));
    const forced = await weir(DEPLOYER, [...promotion, "--apply", "--force-conflicts"]);
    assert.equal(forced.status, 0, forced.err);
    assert.equal((await stored("prod", "f")).spec.digest, digests.get("two"));
    await assert.rejects(apply(pinned, ...flux), /conflict with "weir-cli".*\.spec\.digest/s);
  });

  test("into another repository waits until the digest was copied there", async () => {
    await apply(manifest("staging", "g", `image: "${image("two")}"`));
    await apply(manifest("prod", "g", `image: "${image("0", "prod/f")}"`));
    await ready("staging", "g");
    const argv = ["promote", "g", "--from", "staging", "--to", "prod", "--apply"];
    const refused = await weir(DEPLOYER, argv);
    const [from, to] = ["team/f", "prod/f"].map((repository) => `${registry.host}/${repository}@${digests.get("two")}`);
    assert.equal(refused.status, 1);
    assert.ok(refused.err.includes(`copy it first: weir copy ${from} ${to}`), refused.err);
    const repository = (text: string | undefined) => valued(openReference(text ?? "", keychain, {})).repository;
    valued(await copyImage(repository(from), digests.get("two") ?? "", repository(to), [], { referrers: true }));
    const done = await weir(DEPLOYER, argv);
    assert.equal(done.status, 0, done.err);
    assert.equal((await ready("prod", "g")).digest, digests.get("two"));
  });
});

describe("weir bump in a cluster", () => {
  const bump = ["bump", "--base", "", "--to", "", "-n", "shop"];
  const argv = (...more: string[]) => bump.map((word, at) => (at === 2 ? image("one") : at === 4 ? image("two") : word)).concat(more);
  const tags = async () => {
    const { items } = JSON.parse(await run("-n", "shop", "get", "wf", "-o", "json")) as { items: WasmFilter[] };
    return items.map(({ spec }) => `${spec.image?.split(":").at(-1)}${spec.digest === undefined ? "" : "@"}`).join(" ");
  };

  before(async () => {
    for (const name of ["a", "b", "c"]) await apply(manifest("shop", name, `image: "${image("one")}"`));
    await Promise.all(["a", "b", "c"].map((name) => ready("shop", name)));
  });

  test("who may not patch changes nothing, and hears it before the first filter is touched", async () => {
    const refused = await weir(READER, argv("--yes"));
    assert.equal(refused.status, 1);
    assert.match(refused.out, /WasmFilter shop\/a would be changed/, "the plan first");
    assert.match(refused.err, /cannot change WasmFilter shop\/a: .*User "reader" cannot patch .*; nothing was changed\n$/);
    assert.equal(await tags(), "one one one");
  });

  test("what the API server's own admission refuses for one of them changes none", async () => {
    const denied = (kind: string, name: string, spec: string) =>
      `apiVersion: admissionregistration.k8s.io/v1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
    const rule = "{apiGroups: [weir.dev], apiVersions: [v1alpha1], operations: [UPDATE], resources: [wasmfilters]}";
    const check = `{expression: "object.metadata.name != 'b'", message: "b is frozen until Monday"}`;
    await apply(
      `${denied("ValidatingAdmissionPolicy", "freeze", `{matchConstraints: {resourceRules: [${rule}]}, validations: [${check}]}`)}---\n${denied(
        "ValidatingAdmissionPolicyBinding",
        "freeze",
        "{policyName: freeze, validationActions: [Deny]}",
      )}`,
    );
    const freeze = ["-n", "shop", "annotate", "wf", "b", "--dry-run=server", "a=b"];
    const isInForce = () =>
      run(...freeze).then(
        () => undefined,
        () => true,
      );
    await eventually("the policy to be in force", isInForce);
    const refusal = await weir(DEPLOYER, argv("--yes"));
    assert.match(refusal.err, /cannot change WasmFilter shop\/b: .*b is frozen until Monday; nothing was changed/);
    assert.equal(await tags(), "one one one");
    await run("delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", "freeze");
    await eventually("the policy to be gone", async () => (await isInForce()) === undefined);
  });

  test("one that another manager applies changes none without --force-conflicts", async () => {
    await apply(
      manifest("shop", "c", `image: "${image("one")}"`),
      "--server-side",
      "--field-manager=argocd-controller",
      "--force-conflicts",
    );
    const refused = await weir(DEPLOYER, argv("--yes"));
    assert.equal(refused.status, 1);
    assert.match(refused.err, /shop\/c: conflict with "argocd-controller" over spec\.image.*--force-conflicts; nothing was changed/);
    assert.equal(await tags(), "one one one");
  });

  test("one that was changed after the plan is not moved by it, and those before it stay moved", async () => {
    const change = () => run("-n", "shop", "patch", "wf", "b", "--type=merge", "-p", JSON.stringify({ spec: { priority: 3 } }));
    const stopped = await weir(DEPLOYER, argv("--force-conflicts"), change);
    assert.equal(stopped.status, 1);
    assert.match(stopped.out, /wave 1 of 2: 1 of 3 filters\n {2}shop\/a is in force\nwave 2 of 2/);
    assert.match(
      stopped.err,
      /WasmFilter shop\/b was changed by somebody else in the meantime.*; 1 of 3 filters moved, which stays so: weir bump --base \S+two --to \S+one/,
    );
    assert.equal(await tags(), "two one one");
  });

  test("moves what is left, in waves, with a pin to the old image taken away", async () => {
    await run("-n", "shop", "patch", "wf", "b", "--type=merge", "-p", JSON.stringify({ spec: { digest: digests.get("one") } }));
    await ready("shop", "b");
    const done = await weir(DEPLOYER, argv("--force-conflicts", "--yes", "--waves", "1,100%"));
    assert.equal(done.status, 0, done.err);
    assert.match(done.out, /wave 1 of 2: 1 of 2 filters\n {2}shop\/b is in force\nwave 2 of 2: 1 of 2 filters\n {2}shop\/c is in force\n$/);
    assert.match(done.err, /shop\/c: conflict with "argocd-controller" over spec\.image/);
    assert.equal(await tags(), "two two two");
    for (const name of ["a", "b", "c"]) assert.equal((await ready("shop", name)).digest, digests.get("two"));
  });
});
