import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { KubeConfig } from "@kubernetes/client-node";
import type { KubeApi } from "../model/kube.ts";
import { GOOD } from "../operator/parse/accepted.cases.ts";
import { withDefaults } from "../operator/parse/defaults.ts";
import { problemsOf } from "../operator/parse/filter.ts";
import { BAD_POLICIES, GOOD_POLICIES } from "../operator/parse/policy.cases.ts";
import { BAD } from "../operator/parse/refused.cases.ts";
import { type Rule, type Schema, wasmFilterSchema, wasmPolicySchema } from "../operator/parse/schema.ts";
import { createKubeApi } from "../operator/source/kubernetes/api.ts";
import { type Cluster, installCrds, kubectl, startCluster } from "./support/cluster.ts";
import { startTcpProxy } from "./support/tcp-proxy.ts";

let cluster: Cluster;
let api: KubeApi;

before(async () => {
  cluster = await startCluster();
  await installCrds(cluster);
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(cluster.kubeconfig);
  api = createKubeApi({ kubeConfig });
});

after(() => cluster?.stop());

function kube(args: readonly string[], input?: string): Promise<string> {
  return kubectl(args, { ...cluster, input });
}

const wasmFilter = (spec: unknown) => ({
  apiVersion: "weir.dev/v1alpha1",
  kind: "WasmFilter",
  metadata: { name: "a", namespace: "default" },
  spec,
});

/** What `kubectl apply` would be told, without anything being kept. */
function judge(object: unknown, path = "/apis/weir.dev/v1alpha1/namespaces/default/wasmfilters") {
  return api.request({
    method: "POST",
    path,
    query: { dryRun: "All", fieldValidation: "Strict" },
    body: object,
  });
}

describe("what the API server takes and refuses", () => {
  test("the API server takes every object that parsing takes, and fills in the same defaults", async () => {
    for (const { name, spec } of GOOD) {
      const object = wasmFilter(spec);
      assert.deepEqual(problemsOf(object), [], name);
      const judged = await judge(object);
      assert.ok(judged.ok, `${name}: ${JSON.stringify(judged)}`);
      const ours = withDefaults(wasmFilterSchema(), object) as { spec: unknown };
      assert.deepEqual(judged.value.spec, ours.spec, name);
    }
  });

  test("the API server refuses every object that parsing refuses, with the same words", async () => {
    for (const { name, spec, problems, apiServer, onlyParsing } of BAD) {
      const object = wasmFilter(spec);
      assert.notDeepEqual(problemsOf(object), [], name);
      const judged = await judge(object);
      if (onlyParsing) {
        assert.ok(judged.ok, `${name}: ${JSON.stringify(judged)}`);
        continue;
      }
      assert.ok(!judged.ok, `${name}: taken`);
      const expected = apiServer ?? problems.flatMap((problem) => problem.split(/: (.*)/s).slice(0, 2));
      for (const words of expected) assert.ok(judged.error.message.includes(words), `${name}: ${words} is not in: ${judged.error.message}`);
    }
  });

  test("the same is so of policies", async () => {
    const policy = (spec: unknown) => ({ apiVersion: "weir.dev/v1alpha1", kind: "WasmPolicy", metadata: { name: "a" }, spec });
    const path = "/apis/weir.dev/v1alpha1/wasmpolicies";
    for (const { name, spec } of GOOD_POLICIES) {
      const judged = await judge(policy(spec), path);
      assert.ok(judged.ok, `${name}: ${JSON.stringify(judged)}`);
      assert.deepEqual(judged.value.spec, (withDefaults(wasmPolicySchema(), policy(spec)) as { spec: unknown }).spec, name);
    }
    for (const { name, spec, problems, apiServer } of BAD_POLICIES) {
      const judged = await judge(policy(spec), path);
      assert.ok(!judged.ok, `${name}: taken`);
      const expected = apiServer ?? problems.flatMap((problem) => problem.split(/: (.*)/s).slice(0, 2));
      for (const words of expected) assert.ok(judged.error.message.includes(words), `${name}: ${words} is not in: ${judged.error.message}`);
    }
  });

  test("every rule of the CRDs is broken by an object of the tables", () => {
    const messages = [...BAD, ...BAD_POLICIES].flatMap(({ problems }) => problems).join("\n");
    for (const { rule, message, messageExpression } of [wasmFilterSchema(), wasmPolicySchema()].flatMap(rulesOf)) {
      const texts =
        messageExpression === undefined ? [message ?? rule] : [...messageExpression.matchAll(/"([^"]+)"/g)].map(([, text]) => text ?? "");
      for (const text of texts) assert.ok(messages.includes(text), `no object breaks ${rule} (${text})`);
    }
  });
});

function rulesOf(schema: Schema): Rule[] {
  const below = [...Object.values(schema.properties ?? {}), ...(schema.items === undefined ? [] : [schema.items])];
  return [...(schema["x-kubernetes-validations"] ?? []), ...below.flatMap(rulesOf)];
}

describe("what kubectl shows", () => {
  test("every field has a description, and kubectl explain shows it", async () => {
    // kubectl explain alone does not look again for resources that are new since it last asked.
    await kube(["get", "wf"]);
    const spec = await kube(["explain", "wf.spec"]);
    assert.match(spec, /What the proxies should run\./);
    assert.match(spec, /digest\t<string>\n\s+Digest of the image manifest \(or image index\) to run/);
    assert.match(await kube(["explain", "wf.status.rollout"]), /nextStepTime\t<string>\n\s+When the next wave starts/);
    const bare: string[] = [];
    for (const schema of [wasmFilterSchema(), wasmPolicySchema()]) collectBare(schema, "", bare);
    assert.deepEqual(bare, ["metadata", "metadata"]);
  });

  function collectBare(schema: Schema, path: string, bare: string[]): void {
    for (const [key, property] of Object.entries(schema.properties ?? {})) {
      const at = path === "" ? key : `${path}.${key}`;
      if (property.description === undefined) bare.push(at);
      collectBare(property, at, bare);
      if (property.items !== undefined) collectBare(property.items, `${at}[]`, bare);
    }
  }

  test("kubectl get wf prints image, short digest, revision, proxies, Ready and age", async () => {
    await kube(["apply", "-f", "-"], JSON.stringify(wasmFilter({ image: "registry.example/a/b:1" })));
    const header = /^NAME +IMAGE +DIGEST +REVISION +PROXIES +READY +AGE\n/;
    assert.match(await kube(["get", "wf"]), new RegExp(`${header.source}a +registry\\.example/a/b:1 +\\d+m?s\\n$`));
    const status = {
      observedGeneration: 1,
      digest: `sha256:${"ab".repeat(32)}`,
      revision: 3,
      summary: { digest: "abababababab", proxies: "12/40" },
      conditions: [
        { type: "Ready", status: "False", reason: "Progressing", message: "wave 1 of 2", lastTransitionTime: "2026-01-01T00:00:00Z" },
      ],
    };
    await kube(["patch", "wf", "a", "--subresource=status", "--type=merge", "-p", JSON.stringify({ status })]);
    assert.match(
      await kube(["get", "wasmfilters"]),
      new RegExp(`${header.source}a +registry\\.example/a/b:1 +abababababab +3 +12/40 +False +\\d+m?s\\n$`),
    );
    assert.match(await kube(["get", "weir", "-o", "wide"]), /READY +AGE +REASON +SLOT +URL\n.* False +\d+m?s +Progressing +default/);
  });
});

describe("what is written", () => {
  test("spec and status are written apart: a spec write keeps the status, a status write keeps spec and generation", async () => {
    await kube(
      ["apply", "-f", "-"],
      JSON.stringify({ ...wasmFilter({ image: "a/b:1" }), metadata: { name: "apart", namespace: "default" } }),
    );
    await kube([
      "patch",
      "wf",
      "apart",
      "--subresource=status",
      "--type=merge",
      "-p",
      '{"status":{"revision":1},"spec":{"image":"x/y:9"}}',
    ]);
    await kube(["patch", "wf", "apart", "--type=merge", "-p", '{"spec":{"priority":7},"status":{"revision":99}}']);
    const object = JSON.parse(await kube(["get", "wf", "apart", "-o", "json"]));
    assert.equal(object.spec.image, "a/b:1");
    assert.equal(object.spec.priority, 7);
    assert.equal(object.status.revision, 1);
    assert.equal(object.metadata.generation, 2);
  });

  test("rolling back is one patch, and a digest that is none is refused with what to write", async () => {
    await kube(
      ["apply", "-f", "-"],
      JSON.stringify({ ...wasmFilter({ image: "a/b:1" }), metadata: { name: "back", namespace: "default" } }),
    );
    const patch = (digest: string) => kube(["patch", "wf", "back", "--type", "merge", "-p", JSON.stringify({ spec: { digest } })]);
    await patch(`sha256:${"ab".repeat(32)}`);
    await assert.rejects(patch("abc"), /spec\.digest: Invalid value: "abc": not a digest; write sha256:<64 lower-case hex digits>/);
  });
});

test("requests to the API server share connections", async (t) => {
  const relay = await startTcpProxy(Number(new URL(cluster.server).port));
  t.after(relay.stop);
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString((await readFile(cluster.kubeconfig, "utf8")).replace(cluster.server, `https://127.0.0.1:${relay.port}`));
  const relayed = createKubeApi({ kubeConfig });
  for (let i = 0; i < 30; i += 1) assert.ok((await relayed.request({ path: "/api/v1/namespaces/default" })).ok);
  assert.ok(relay.connections() <= 2, `${relay.connections()} connections for 30 requests`);
});
