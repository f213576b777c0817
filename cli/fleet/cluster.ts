import { isDeepStrictEqual } from "node:util";
import type { KubeConfig } from "@kubernetes/client-node";
import { fieldsOf } from "../../base/json.ts";
import { type FilterKey, filterId } from "../../model/filter.ts";
import { type FilterPatch, mergePatch, patchedFields } from "../../model/filter-patch.ts";
import { API_VERSION, KIND, type WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { WasmPolicy } from "../../model/gen/wasmpolicy.ts";
import type { ApiFailure, Fields, KubeApi } from "../../model/kube.ts";
import { silentLog } from "../../model/log.ts";
import { type Failure, fail, ok, type Result } from "../../model/result.ts";
import { createKubeApi, createRevisionStore, listAll } from "../../operator/index.ts";
import {
  type Applied,
  byName,
  changedSince,
  type FleetClient,
  type Manifest,
  type ObjectId,
  objectName,
  type PatchOptions,
  type Preview,
} from "./client.ts";
import { MANAGER } from "./field-managers.ts";
import { type KubeconfigChoice, loadKubeconfig } from "./kubeconfig.ts";
import { objectOf } from "./manifests.ts";

const TIMEOUT_MS = 30_000;

export function openCluster(
  choice: KubeconfigChoice & { readonly namespace: string | undefined; readonly timeoutMs?: number },
): Result<FleetClient> {
  const config = loadKubeconfig(choice);
  if (!config.ok) return config;
  const context = config.value.getContexts().find(({ name }) => name === config.value.getCurrentContext());
  return ok(createClusterClient(config.value, choice.namespace ?? context?.namespace ?? "default", choice.timeoutMs));
}

/** A fleet whose desired state is in a Kubernetes API server. No call lasts longer than `timeoutMs`; failures are values. */
export function createClusterClient(kubeConfig: KubeConfig, namespace: string, timeoutMs = TIMEOUT_MS): FleetClient {
  const api = createKubeApi({ kubeConfig, timeoutMs });
  const revisions = createRevisionStore({ api, log: silentLog });
  return {
    description: `cluster ${api.server}`,
    namespace,
    list: (wanted) => listFilters(api, wanted),
    async get(key) {
      const found = await api.request({ path: pathOf(KIND, key) });
      return found.ok ? ok(found.value as unknown as WasmFilter) : explain(api, `read WasmFilter ${filterId(key)}`, found.error);
    },
    async policies() {
      const found = await listAll(api, { path: `/apis/${API_VERSION}/wasmpolicies` }, (item) => item as unknown as WasmPolicy);
      return found.ok ? ok([...found.value.items].sort(byName)) : explain(api, "list WasmPolicies", found.error);
    },
    apply: ({ manifest }) => apply(api, manifest, namespace),
    preview: ({ manifest }) => preview(api, manifest, namespace),
    patch: (key, patch, options = {}) => change(api, key, patch, options),
    async remove(key) {
      const done = await api.request({ method: "DELETE", path: pathOf(KIND, key) });
      return done.ok ? ok(undefined) : explain(api, `delete WasmFilter ${filterId(key)}`, done.error);
    },
    async revisions({ metadata }) {
      const key = { namespace: metadata.namespace ?? namespace, name: metadata.name };
      const found = await revisions.list(key, metadata.uid ?? "");
      return found.ok ? found : explain(api, `list ControllerRevisions of namespace ${key.namespace}`, found.error as ApiFailure);
    },
    knowsStatus: () => true,
    notes: () => [],
  };
}

/** https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris */
function pathOf(kind: string, { namespace, name }: FilterKey): string {
  const home = namespace === "" ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${GROUPS[kind] ?? `/apis/${API_VERSION}`}${home}/${kind.toLowerCase().replace(/y$/, "ie")}s/${encodeURIComponent(name)}`;
}

const GROUPS: Readonly<Record<string, string>> = { Secret: "/api/v1", ConfigMap: "/api/v1", Namespace: "/api/v1" };

async function listFilters(api: KubeApi, namespace: string | undefined): Promise<Result<readonly WasmFilter[]>> {
  const path = `/apis/${API_VERSION}${namespace === undefined ? "" : `/namespaces/${encodeURIComponent(namespace)}`}/wasmfilters`;
  const found = await listAll(api, { path }, (item) => item as unknown as WasmFilter);
  if (!found.ok) return explain(api, "list WasmFilters", found.error);
  return ok([...found.value.items].sort(byName));
}

/** An object before and after an apply. */
interface Exchange {
  readonly id: ObjectId;
  /** `undefined`: there is none. */
  readonly before: Fields | undefined;
  readonly after: Result<Fields, ApiFailure>;
}

/** Server-side apply; what the manifest says wins over other managers, as with `kubectl apply`. */
async function exchange(
  api: KubeApi,
  manifest: Manifest,
  fallback: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Result<Exchange>> {
  const { kind, metadata } = manifest;
  const { namespace: _, ...named } = metadata;
  const id = objectOf(manifest, fallback);
  const path = pathOf(kind, id);
  const body = { ...manifest, metadata: id.namespace === "" ? named : { ...metadata, namespace: id.namespace } };
  const before = await api.request({ path });
  if (!before.ok && before.error.reason !== "NotFound") return explain(api, `read ${kind} ${objectName(id)}`, before.error);
  const query = { fieldManager: MANAGER, force: "true", ...more };
  const after = await api.request({ method: "PATCH", path, query, contentType: "application/apply-patch+yaml", body });
  return ok({ id, before: before.ok ? before.value : undefined, after });
}

async function apply(api: KubeApi, manifest: Manifest, fallback: string): Promise<Result<Applied>> {
  const exchanged = await exchange(api, manifest, fallback);
  if (!exchanged.ok) return exchanged;
  const { id, before, after } = exchanged.value;
  if (!after.ok) return explain(api, `apply ${id.kind} ${objectName(id)}`, after.error);
  const pin = keptPin(manifest, after.value);
  return ok({ ...id, action: actionOf(before, after.value), ...(pin === undefined ? {} : { pin }) });
}

/** The API server itself says what would be: with the rights of who asks, its admission and its defaults. https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run */
async function preview(api: KubeApi, manifest: Manifest, fallback: string): Promise<Result<Preview>> {
  const exchanged = await exchange(api, manifest, fallback, { dryRun: "All" });
  if (!exchanged.ok) return exchanged;
  const { id, before, after } = exchanged.value;
  if (after.ok) {
    const pin = keptPin(manifest, after.value);
    return ok({ ...id, action: actionOf(before, after.value), object: after.value, ...(pin === undefined ? {} : { pin }) });
  }
  const { status, reason, message, retryable } = after.error;
  if (status !== 400 && status !== 422) return explain(api, `plan ${id.kind} ${objectName(id)}`, after.error);
  const action = before === undefined ? "created" : "configured";
  return ok({ ...id, action, object: before ?? {}, refusal: { reason, message, retryable } });
}

function actionOf(before: Fields | undefined, after: Fields): Applied["action"] {
  if (before === undefined) return "created";
  return isDeepStrictEqual(contentOf(before), contentOf(after)) ? "unchanged" : "configured";
}

/** What a manifest is about. The version also rises when somebody writes the status, or when the API server stores a default of it. */
function contentOf(object: Fields): unknown {
  const { status: _, metadata, ...rest } = object;
  const { resourceVersion: _version, managedFields: _managers, ...named } = fieldsOf(metadata);
  return { ...rest, metadata: named };
}

/** Server-side apply leaves alone what the manifest does not mention, a rollback's spec.digest included. */
function keptPin(manifest: Manifest, after: object): string | undefined {
  const [asked, now] = [manifest, after].map((object) => (object as Partial<WasmFilter>).spec?.digest);
  return manifest.kind === KIND && asked === undefined ? now : undefined;
}

async function change(api: KubeApi, key: FilterKey, patch: FilterPatch, { dryRun = false, seen }: PatchOptions): Promise<Result<void>> {
  const path = pathOf(KIND, key);
  const query = { fieldManager: MANAGER, ...(dryRun && { dryRun: "All" }) };
  const sent =
    seen === undefined
      ? { contentType: "application/merge-patch+json", body: mergePatch(patch) }
      : { contentType: "application/json-patch+json", body: [asSeen(seen), ...jsonPatch(patch)] };
  const done = await api.request({ method: "PATCH", path, query, ...sent });
  if (done.ok) return ok(undefined);
  const what = `change WasmFilter ${filterId(key)}`;
  // A test that fails and an object that the CRD refuses have one status.
  if (seen === undefined || done.error.status !== 422) return explain(api, what, done.error);
  const now = await api.request({ path });
  const isChanged = now.ok && fieldsOf(now.value.metadata).generation !== seen.metadata.generation;
  return isChanged ? changedSince(key) : explain(api, what, done.error);
}

/** https://www.rfc-editor.org/rfc/rfc6902 */
function jsonPatch(patch: FilterPatch): readonly object[] {
  return patchedFields(patch).map(({ path, value }) => {
    const pointer = path.map((part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
    return value === null ? { op: "remove", path: pointer } : { op: "add", path: pointer, value };
  });
}

/** Each change of a spec is another generation; one of the status is not. */
function asSeen({ metadata: { generation } }: WasmFilter): object {
  return { op: "test", path: "/metadata/generation", value: generation };
}

/** The API server's refusal, with what was asked and what a person can do. */
function explain(
  api: KubeApi,
  what: string,
  { status, reason, message, retryable }: ApiFailure,
): { readonly ok: false; readonly error: Failure } {
  switch (status) {
    case 0:
      return { ok: false, error: { reason, message: `cannot ${what}: ${message}; check the kubeconfig and that it is up`, retryable } };
    case 401:
      return fail(reason, `cannot ${what}: ${api.server} does not accept the credentials of the kubeconfig`);
    case 403:
      return fail(reason, `cannot ${what}: ${message}; ask for a Role that allows it`);
    case 404:
      // For a missing object the API server answers with a Status that says so; for a missing API it does not.
      if (reason !== "NotFound")
        return fail(
          "NoCrd",
          `cannot ${what}: ${api.server} does not know the kind (${API_VERSION}); install the CRDs first (kubectl apply -f crds/)`,
        );
      return fail(reason, `cannot ${what}: ${message}`);
    default:
      return { ok: false, error: { reason, message: `cannot ${what}: ${message}`, retryable } };
  }
}
