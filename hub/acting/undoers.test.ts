import assert from "node:assert/strict";
import { test } from "node:test";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { FILTER } from "../testing/scene.ts";
import { undoersOf } from "./undoers.ts";

const PATCH = { digest: `sha256:${"a".repeat(64)}`, annotations: { "weir.dev/change-cause": "x" } } as const;

const filter = (metadata: object): WasmFilter => ({ ...FILTER, metadata: { ...FILTER.metadata, ...metadata } });
const owned = (manager: string, fieldsV1: object) => ({ managedFields: [{ manager, operation: "Apply", fieldsV1 }] });
const DIGEST = { "f:spec": { "f:digest": {}, "f:image": {} } };

test("who applies a filter from elsewhere is told by what it leaves on it, and what it will set again by the fields that it owns", () => {
  const argo = { labels: { "argocd.argoproj.io/instance": "shop-filters" } };
  assert.deepEqual(undoersOf(filter({}), PATCH), []);
  assert.deepEqual(undoersOf(filter(argo), PATCH), [{ who: "Argo CD application shop-filters", owns: [] }]);
  assert.deepEqual(undoersOf(filter({ ...argo, ...owned("argocd-controller", DIGEST) }), PATCH), [
    { who: "Argo CD application shop-filters", owns: ["spec.digest"] },
  ]);
  const tracked = { annotations: { "argocd.argoproj.io/tracking-id": "shop:weir.dev/WasmFilter:shop/add-header" } };
  assert.deepEqual(undoersOf(filter(tracked), PATCH), [{ who: "Argo CD application shop", owns: [] }]);
  const flux = { labels: { "kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux" } };
  assert.deepEqual(undoersOf(filter({ ...flux, ...owned("kustomize-controller", DIGEST) }), PATCH), [
    { who: "Flux Kustomization flux/apps", owns: ["spec.digest"] },
  ]);
  assert.deepEqual(undoersOf(filter(owned("helm", DIGEST)), PATCH), [{ who: "Helm", owns: ["spec.digest"] }]);
  for (const odd of [{ managedFields: "x" }, { managedFields: [null, { manager: 1 }, { manager: "helm", fieldsV1: { "f:spec": "x" } }] }])
    assert.deepEqual(undoersOf(filter(odd), PATCH), []);
});
