import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { Fields } from "../../model/kube.ts";
import { failForNow, ok } from "../../model/result.ts";
import { createFolderClient } from "./folder.ts";
import { inApplyOrder, parseManifests } from "./manifests.ts";
import { planManifests } from "./plan.ts";
import type { ServerClient } from "./server.ts";

const FILTER = `apiVersion: weir.dev/v1alpha1
kind: WasmFilter
metadata: {name: f, namespace: shop}
spec: {image: r.example/f:1, pullSecrets: [{name: creds}]}
`;
const POLICY = "apiVersion: weir.dev/v1alpha1\nkind: WasmPolicy\nmetadata: {name: base}\nspec: {urls: Deny}\n";
const WRONG = "apiVersion: weir.dev/v1alpha1\nkind: WasmPolicy\nmetadata: {name: wrong}\nspec: {slots: []}\n";
const NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: a}}\n";
const SECRETS = ["creds", "other"].map(
  (name) => `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}, namespace: shop}\nstringData: {a: b}\n`,
);

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "weir-plan-"));
});

afterEach(() => rmSync(dir, { recursive: true }));

function manifestsOf(...texts: readonly string[]) {
  const parsed = parseManifests(texts.join("---\n"), "given");
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.error.message);
  return parsed.value;
}

/** What the server is sent for these manifests, and what becomes of each. */
async function planned(...texts: readonly string[]) {
  const none = async () => failForNow("ServerUnreachable", "nobody is there");
  const fleet = createFolderClient(dir, "default", { filters: none, policies: none, revisions: none });
  const sent: string[] = [];
  const server = {
    async plan(objects: readonly Fields[]) {
      sent.push(...objects.map(({ kind, metadata }) => `${kind} ${(metadata as { readonly name: string }).name}`));
      return ok([]);
    },
  } as unknown as ServerClient;
  const found = await planManifests(manifestsOf(...texts), fleet, server);
  assert.ok(found.ok, found.ok ? "" : found.error.message);
  return { sent, actions: found.value.map(({ kind, name, action }) => `${kind} ${name} ${action}`) };
}

describe("a set of manifests", () => {
  test("goes to the server with the policies and namespaces that would be others, and of secrets with those that are named", async () => {
    const found = await planned(FILTER, POLICY, NAMESPACE, ...SECRETS, WRONG);
    assert.deepEqual(found.sent, ["WasmFilter f", "WasmPolicy base", "Namespace shop", "Secret creds"]);
    assert.deepEqual(found.actions.slice(1), [
      "WasmPolicy base created",
      "Namespace shop created",
      "Secret creds created",
      "Secret other created",
      "WasmPolicy wrong refused",
    ]);
  });

  test("a policy that stays as it is takes no right: it is not sent, and without a filter nothing is", async () => {
    writeFileSync(join(dir, "base.yaml"), POLICY);
    assert.deepEqual((await planned(FILTER, POLICY)).sent, ["WasmFilter f"]);
    assert.deepEqual((await planned(POLICY.replace("Deny", "Allow"))).sent, []);
  });

  test("is applied with what rules filters first, then what they name, each kind in its order", () => {
    const [creds = "", other = ""] = SECRETS;
    const order = inApplyOrder(manifestsOf(FILTER, other, POLICY, creds, NAMESPACE)).map(({ manifest }) => manifest.metadata.name);
    assert.deepEqual(order, ["shop", "base", "other", "creds", "f"]);
  });
});
