import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeApi } from "../../model/kube.ts";
import { ok } from "../../model/result.ts";
import { parseManifests } from "./manifests.ts";
import { policyFindings } from "./policy-findings.ts";

/** An API server with these objects, by the path of their list. */
function serverOf(lists: Readonly<Record<string, readonly object[]>>): KubeApi {
  const request = async ({ path }: { readonly path: string }) => ok({ metadata: { resourceVersion: "1" }, items: lists[path] ?? [] });
  return { server: "https://k", request } as unknown as KubeApi;
}

const POLICIES = "/apis/weir.dev/v1alpha1/wasmpolicies";
const there = {
  [POLICIES]: [{ apiVersion: "weir.dev/v1alpha1", kind: "WasmPolicy", metadata: { name: "base" }, spec: { slots: ["auth"] } }],
  "/api/v1/namespaces": [{ metadata: { name: "shop" } }],
  "/apis/weir.dev/v1alpha1/wasmfilters": [{ metadata: { name: "old", namespace: "shop" }, spec: { image: "r.example/f:1" } }],
};

async function findings(api: KubeApi, text?: string): Promise<readonly string[]> {
  const manifests = text === undefined ? ok([]) : parseManifests(text, "given");
  assert.ok(manifests.ok);
  return (await policyFindings(api, manifests.value)).map(({ status, message }) => `${status} ${message}`);
}

const filter = (more = "") =>
  `apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata: {name: f, namespace: shop}\nspec: {image: "r.example/f:1"${more}}\n`;
const policy = (name: string, spec: string) =>
  `apiVersion: weir.dev/v1alpha1\nkind: WasmPolicy\nmetadata: {name: ${name}}\nspec: ${spec}\n`;

test("policies of a set are looked at with those that are there, and the filters of the set are judged by both", async () => {
  const api = serverOf(there);
  const fine = "ok 1 of them, each for some namespace, and none against another";
  assert.deepEqual(await findings(api), [fine]);
  assert.deepEqual(await findings(api, filter(", slot: auth")), [fine]);
  assert.deepEqual(await findings(api, filter()), [
    "fail WasmFilter shop/f: spec.slot: slot default is not allowed; choose one of auth (WasmPolicy base, rule slots)",
  ]);
  assert.deepEqual(await findings(api, [filter(), policy("base", "{slots: [default]}")].join("---\n")), [fine]);
  const audited = [filter(), policy("base", "{slots: [auth], mode: Audit}")].join("---\n");
  assert.match((await findings(api, audited)).join(), /^warn WasmFilter shop\/f: spec\.slot: .*rule slots, audited\)$/);
  const apart = await findings(api, policy("new", "{slots: [default]}"));
  assert.deepEqual(apart, ["warn WasmPolicies base and new have no value of slots in common: no filter can hold to both"]);
});

test("a set with a policy is looked at where the cluster has none, by the labels of the set", async () => {
  const labelled = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: a}}\n";
  const selective = policy("team", "{namespaceSelector: {matchLabels: {team: a}}, urls: Deny, slots: [auth]}");
  const api = serverOf({ ...there, [POLICIES]: [] });
  assert.deepEqual(await findings(api, filter()), []);
  assert.match((await findings(api, [filter(), selective].join("---\n"))).join(), /^warn WasmPolicy team is for no namespace/);
  assert.match((await findings(api, [filter(), selective, labelled].join("---\n"))).join(), /^fail WasmFilter shop\/f: spec\.slot/);
});
