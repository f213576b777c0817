import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { KubeConfig } from "@kubernetes/client-node";
import { main } from "../cli/main.ts";
import { createFakeTerminal } from "../cli/testing/terminal.ts";
import type { WasmFilter, WasmFilterStatus } from "../model/gen/wasmfilter.ts";
import { silentLog } from "../model/log.ts";
import type { Revision } from "../model/revision.ts";
import { DEFAULT_SETTINGS } from "../model/settings.ts";
import { createKubeApi, createRevisionStore } from "../operator/index.ts";
import { type Cluster, installCrds, kubectl, startCluster } from "./support/cluster.ts";
import { reservePort } from "./support/ports.ts";
import { createTempFolder } from "./support/temp-folder.ts";

const MANIFEST = `apiVersion: weir.dev/v1alpha1
kind: WasmFilter
metadata: {name: add-header, namespace: default}
spec:
  image: registry.example/add-header:1
  config: {header: x-weir}
`;
const digest = (digit: string) => `sha256:${digit.repeat(64)}`;

let cluster: Cluster;
let folder: { readonly path: string; remove(): Promise<void> };

before(async () => {
  [cluster, folder] = await Promise.all([startCluster({ users: ["nobody"] }), createTempFolder("cli-cluster")]);
});

after(async () => {
  await cluster?.stop();
  await folder?.remove();
});

async function weir(argv: readonly string[], { input = "", kubeconfig = cluster.kubeconfig } = {}) {
  const env = { KUBECONFIG: kubeconfig, WEIR_SERVER: "http://127.0.0.1:1" };
  const { terminal, written } = createFakeTerminal({ env, input, now: Date.now() });
  return { status: await main(argv, terminal), ...written };
}

async function stored(name = "add-header"): Promise<WasmFilter> {
  return JSON.parse(await kubectl(["get", "wf", name, "-o", "json"], cluster));
}

/** Writes a status as the operator would. */
async function setStatus(status: WasmFilterStatus): Promise<void> {
  const patch = ["patch", "wf", "add-header", "--subresource=status", "--type=merge", "-p", JSON.stringify({ status })];
  await kubectl(patch, cluster);
}

test("a cluster without the CRD is told from one without the filter", async () => {
  const { status, err } = await weir(["get"]);
  assert.equal(status, 1);
  assert.match(err, /does not know the kind .* install the CRDs first/);
  assert.match((await weir(["apply", "-f", "-"], { input: MANIFEST })).err, /install the CRDs first/);
  await installCrds(cluster);
  const missing = await weir(["get", "add-header"]);
  assert.equal(missing.status, 1);
  assert.match(missing.err, /cannot read WasmFilter default\/add-header: .*not found/);
});

describe("apply", () => {
  test("apply creates, leaves alone and changes, as kubectl would say it", async () => {
    const apply = (input: string) => weir(["apply", "-f", "-"], { input });
    assert.equal((await apply(MANIFEST)).out, "WasmFilter default/add-header created\n");
    assert.equal((await apply(MANIFEST)).out, "WasmFilter default/add-header unchanged\n");
    assert.equal((await apply(MANIFEST.replace("x-weir", "x-other"))).out, "WasmFilter default/add-header configured\n");
    assert.deepEqual((await stored()).spec.config, { header: "x-other" });
    const secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: creds}\nstringData: {password: x}\n";
    assert.equal((await apply(secret)).out, "Secret default/creds created\n");
  });

  test("what kubectl applied before is no obstacle", async () => {
    await kubectl(["apply", "-f", "-"], { ...cluster, input: MANIFEST.replace("add-header, ", "from-kubectl, ") });
    const { status, out, err } = await weir(["apply", "-f", "-"], {
      input: MANIFEST.replace("add-header, ", "from-kubectl, ").replace(":1", ":2"),
    });
    assert.equal(status, 0, err);
    assert.equal(out, "WasmFilter default/from-kubectl configured\n");
    assert.match((await weir(["delete", "from-kubectl"])).out, /default\/from-kubectl deleted/);
    assert.match((await weir(["delete", "from-kubectl"])).err, /not found/);
  });

  test("what the CRD refuses is refused with its words", async () => {
    const { status, err } = await weir(["apply", "-f", "-"], { input: MANIFEST.replace("  config", "  url: https://x/y.wasm\n  config") });
    assert.equal(status, 1);
    assert.match(err, /stdin: cannot apply WasmFilter default\/add-header: .*image/);
  });
});

test("get shows the columns of kubectl get wf with the same cells", async () => {
  await setStatus({
    observedGeneration: 2,
    digest: digest("b"),
    wasmDigest: digest("c"),
    revision: 2,
    stableRevision: 1,
    summary: { digest: "b".repeat(12), proxies: "1/2" },
    proxies: { matched: 2, updated: 1, rejected: 0, pending: 1 },
    rollout: { state: "Progressing", step: 1, steps: 2 },
    history: [2, 1].map((revision) => ({
      revision,
      digest: digest(revision === 2 ? "b" : "a"),
      wasmDigest: digest("c"),
      image: "registry.example/add-header:1",
      time: "2026-01-01T00:00:00Z",
      result: "Succeeded" as const,
    })),
    conditions: [{ type: "Ready", status: "False", reason: "Pending", message: "1 to go", lastTransitionTime: "2026-01-01T00:00:00Z" }],
  });
  const cells = (text: string) =>
    text
      .trim()
      .split("\n")
      .map((line) => line.split(/\s{2,}/));
  const [head = [], ours = []] = cells((await weir(["get"])).out);
  const [theirHead = [], theirs = []] = cells(await kubectl(["get", "wf"], cluster));
  assert.deepEqual(head, [...theirHead, "REASON"]);
  assert.deepEqual(ours.slice(0, 6), theirs.slice(0, 6));
  assert.equal(ours.at(-1), "Pending");
  const list = JSON.parse((await weir(["get", "-A", "-o", "json"])).out);
  assert.deepEqual(
    list.items,
    [await stored()].map(({ metadata, ...rest }) => ({ ...rest, metadata: list.items[0].metadata })),
  );
  assert.equal(list.items[0].metadata.creationTimestamp, (await stored()).metadata.creationTimestamp);
});

describe("rollback and rollout", () => {
  test("rollback pins the digest of the earlier revision, apply leaves the pin and says so, unpin takes it away", async () => {
    assert.match((await weir(["rollback", "add-header"])).out, /pinned to sha256:a{64} \(revision 1\)/);
    assert.equal((await stored()).spec.digest, digest("a"));
    assert.match((await weir(["apply", "-f", "-"], { input: MANIFEST })).out, /configured\n {2}it stays pinned to sha256:a{64}/);
    assert.equal((await stored()).spec.digest, digest("a"));
    assert.match((await weir(["rollback", "add-header", "--to", "bbbb"])).out, /revision 2/);
    assert.match((await weir(["rollback", "default/add-header", "--unpin"])).out, /no longer pinned/);
    assert.equal((await stored()).spec.digest, undefined);
  });

  test("rollout commands write the annotations that the operator reads, and nothing else", async () => {
    const { spec } = await stored();
    assert.equal((await weir(["rollout", "pause", "add-header"])).status, 0);
    assert.equal((await weir(["rollout", "promote", "add-header"])).status, 0);
    assert.equal((await weir(["rollout", "abort", "add-header"])).status, 0);
    const { metadata, status } = await stored();
    const { annotations = {} } = metadata;
    const generation = status?.observedGeneration;
    assert.ok(generation !== undefined);
    assert.equal(annotations["weir.dev/rollout-paused"], "true");
    assert.equal(annotations["weir.dev/rollout-promote"], `2/1@${generation}`);
    assert.equal(annotations["weir.dev/rollout-abort"], `2@${generation}`);
    assert.equal((await weir(["rollout", "resume", "add-header"])).status, 0);
    const now = await stored();
    assert.equal(now.metadata.annotations?.["weir.dev/rollout-paused"], undefined);
    assert.deepEqual(now.spec, spec);
  });
});

describe("reading", () => {
  test("describe and history need the API server alone; only which proxies there are is the running server's to know", async () => {
    const { metadata } = await stored();
    const api = createKubeApi({ kubeConfig: kubeConfig() });
    const store = createRevisionStore({ api, log: silentLog });
    for (const [number, config] of [
      [1, "{}"],
      [2, '{"a":1}'],
    ] as const) {
      const saved = await store.save({ namespace: "default", name: "add-header" }, metadata.uid ?? "", record(number, config));
      assert.ok(saved.ok);
    }
    const described = await weir(["describe", "add-header"]);
    assert.equal(described.status, 0, described.err);
    assert.match(described.out, /^default\/add-header {2}Not ready \(Pending\): 1 to go\n/);
    assert.match(described.out, /Proxies\n {2}not known: no Weir answers at http:\/\/127\.0\.0\.1:1 /);
    const history = await weir(["history", "add-header"]);
    assert.equal(history.err, "");
    const json = JSON.parse((await weir(["history", "add-header", "-o", "json"])).out) as { author?: unknown }[];
    assert.deepEqual(
      json.map(({ author }) => author),
      [AUTHOR, undefined],
    );
    assert.match(
      history.out,
      /^REVISION .*\n2 +b{12} +Succeeded .* kubectl "a header for tracing" +digest a{12} -> b{12}, config {} -> {"a":1}\n1\* +a{12} /,
    );
  });

  const AUTHOR = { generation: 2, manager: "kubectl", cause: "a header for tracing" };

  function kubeConfig(): KubeConfig {
    const config = new KubeConfig();
    config.loadFromFile(cluster.kubeconfig);
    return config;
  }

  function record(number: number, config: string): Revision {
    return {
      number,
      image: "registry.example/add-header:1",
      digest: `sha256:${"a".repeat(64)}`,
      wasmDigest: `sha256:${"c".repeat(64)}`,
      settings: { ...DEFAULT_SETTINGS, config },
      capabilities: [],
      hash: String(number),
      time: "2026-01-01T00:00:00Z",
      ...(number === 2 && { author: AUTHOR }),
    };
  }

  test("completion knows the cluster's filters, namespaces and contexts, and is silent without rights", async () => {
    const offered = async (...words: readonly string[]) =>
      (await weir(["__complete", ...words])).out.split("\n").map((line) => line.split("\t")[0]);
    assert.ok((await offered("describe", "")).includes("add-header"));
    assert.ok((await offered("get", "-n", "")).includes("default"));
    assert.ok((await offered("get", "--context", "")).includes("test"));
    const { status, out, err } = await weir(["__complete", "get", ""], { kubeconfig: await cluster.kubeconfigFor("nobody") });
    assert.deepEqual([status, err], [0, ""]);
    assert.match(out, /^wasmpolicies\t[^\n]*\n$/, "a command, and no filter");
  });

  test("a list longer than a page is whole", async () => {
    const item = (index: number) => MANIFEST.replace("add-header, namespace: default", `many-${index}, namespace: kube-public`);
    const all = Array.from({ length: 600 }, (_, index) => item(index)).join("---\n");
    const file = join(folder.path, "many.yaml");
    await writeFile(file, all);
    await kubectl(["create", "-f", file], cluster);
    const list = JSON.parse((await weir(["get", "-n", "kube-public", "-o", "json"])).out);
    assert.equal(new Set(list.items.map((each: WasmFilter) => each.metadata.name)).size, 600);
  });
});

test("someone without rights, a wrong token and a dead server are three different failures", async () => {
  const forbidden = await weir(["get"], { kubeconfig: await cluster.kubeconfigFor("nobody") });
  assert.match(forbidden.err, /User "nobody" cannot list resource "wasmfilters".*; ask for a Role/);
  const text = await kubectl(["config", "view", "--raw"], cluster);
  const wrong = join(folder.path, "wrong.kubeconfig");
  await writeFile(wrong, text.replace(/token: .*/, "token: nonsense"));
  const unauthorized = await weir(["get"], { kubeconfig: wrong });
  assert.match(unauthorized.err, /does not accept the credentials/);
  assert.doesNotMatch(unauthorized.err, /nonsense/);
  const dead = join(folder.path, "dead.kubeconfig");
  await writeFile(dead, text.replaceAll(cluster.server, `https://127.0.0.1:${await reservePort()}`));
  assert.match(
    (await weir(["get"], { kubeconfig: dead })).err,
    /https:\/\/127\.0\.0\.1:\d+ cannot be reached: ECONNREFUSED; check the kubeconfig/,
  );
  const context = await weir(["get", "--kubeconfig", dead, "--context", "other"]);
  assert.match(context.err, /no context "other" in .*; it has test/);
});
