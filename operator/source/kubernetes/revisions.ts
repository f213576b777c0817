import { digestOf } from "../../../model/digest.ts";
import { type FilterKey, filterId } from "../../../model/filter.ts";
import { API_VERSION, KIND } from "../../../model/gen/wasmfilter.ts";
import { type ApiFailure, type KubeApi, metadataAs } from "../../../model/kube.ts";
import type { Log } from "../../../model/log.ts";
import { type Failure, fail, failForNow, ok, type Result } from "../../../model/result.ts";
import type { Revision } from "../../../model/revision.ts";
import { type Fields, isFields } from "../../parse/defaults.ts";
import { fromRecord, toRecord } from "../revision-record.ts";
import { wordsOf } from "../words.ts";
import { listAll } from "./pages.ts";

export const UID_LABEL = "weir.dev/filter-uid";

/**
 * Revisions as ControllerRevisions, as StatefulSets and DaemonSets store theirs. They are owned by the WasmFilter, so that the garbage
 * collector removes them with it. https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/controller-revision-v1/
 */
export interface RevisionStore {
  list(key: FilterKey, uid: string): Promise<Result<readonly Revision[]>>;
  save(key: FilterKey, uid: string, revision: Revision): Promise<Result<void>>;
  /** Stores a revision again, under a name of its own since data cannot be changed, then removes what had its number. */
  rewrite(key: FilterKey, uid: string, revision: Revision): Promise<Result<void>>;
  /** Removes all that has the number: a rewrite that was cut off leaves two, and the other would come back at the next start. */
  remove(key: FilterKey, uid: string, number: number): Promise<Result<void>>;
}

export interface RevisionStoreOptions {
  readonly api: KubeApi;
  readonly log: Log;
  /** Other servers may write too. Asked before each removal whether this one may. */
  readonly mayWrite?: (() => boolean) | undefined;
}

export function createRevisionStore(options: RevisionStoreOptions): RevisionStore {
  const { api, log } = options;
  const collection = ({ namespace }: FilterKey): string => `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}/controllerrevisions`;

  /** All ControllerRevisions of the object, as they are. */
  async function items(key: FilterKey, uid: string, accept = "application/json"): Promise<Result<readonly Fields[]>> {
    const found = await listAll(api, { path: collection(key), query: { labelSelector: `${UID_LABEL}=${uid}` }, accept }, (item) => item);
    return found.ok ? ok(found.value.items) : found;
  }

  /** Removes all that has the number, but for what has the name `but`. */
  async function removeAll(key: FilterKey, uid: string, number: number, but?: string): Promise<Result<void>> {
    // Their data may be large, and their names say which they are.
    const found = await items(key, uid, metadataAs("PartialObjectMetadataList"));
    if (!found.ok) return found;
    const first = revisionName(key, uid, number);
    for (const item of found.value) {
      const name = nameOf(item);
      const isOfNumber = (name === first || name.startsWith(`${first}-`)) && name !== but;
      const removed = isOfNumber ? await removeItem(options, `${collection(key)}/${name}`, item) : ok(undefined);
      if (!removed.ok) return removed;
    }
    return ok(undefined);
  }

  const store: RevisionStore = {
    async list(key, uid) {
      const found = await items(key, uid);
      if (!found.ok) return found;
      const revisions = new Map<number, Revision>();
      for (const item of found.value) {
        const revision = fromRecord(item.data);
        if (revision === undefined) {
          log.error("a ControllerRevision that cannot be read is ignored", { filter: filterId(key), name: nameOf(item) });
          continue;
        }
        const { number } = revision;
        // Two of one number: a rewrite was cut off. The first one counts, and is rewritten again.
        if (!revisions.has(number) || nameOf(item) === revisionName(key, uid, number)) revisions.set(number, revision);
      }
      return ok([...revisions.values()].sort((a, b) => a.number - b.number));
    },
    async save(key, uid, revision) {
      const body = toControllerRevision(key, uid, revision);
      const post = () => api.request({ method: "POST", path: collection(key), body });
      let made = await post();
      if (!made.ok && made.error.reason === "AlreadyExists") {
        const stored = await store.list(key, uid);
        if (!stored.ok) return stored;
        if (stored.value.some(({ number, hash }) => number === revision.number && hash === revision.hash)) return ok(undefined);
        // Left by a save whose answer was lost, of a content that is not wanted any more: nothing refers to it. Its data cannot be changed.
        const removed = await store.remove(key, uid, revision.number);
        if (!removed.ok) return removed;
        made = await post();
      }
      if (made.ok) return ok(undefined);
      return { ok: false, error: notSaved(key, made.error) };
    },
    async rewrite(key, uid, revision) {
      const name = rewrittenName(key, uid, revision);
      const made = await api.request({ method: "POST", path: collection(key), body: toControllerRevision(key, uid, revision, name) });
      if (!made.ok && made.error.reason !== "AlreadyExists") return made;
      return removeAll(key, uid, revision.number, name);
    },
    remove: (key, uid, number) => removeAll(key, uid, number),
  };
  return store;
}

/** Removes this very object: what another server made in its place meanwhile stays. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/delete-options/ */
async function removeItem({ api, mayWrite }: RevisionStoreOptions, path: string, item: Fields): Promise<Result<void>> {
  if (mayWrite?.() === false) return failForNow("NotLeading", "another server may decide by now");
  const uid = isFields(item.metadata) && typeof item.metadata.uid === "string" ? item.metadata.uid : undefined;
  const body = { apiVersion: "v1", kind: "DeleteOptions", preconditions: { uid } };
  const removed = await api.request({ method: "DELETE", path, body });
  return removed.ok || removed.error.status === 404 ? ok(undefined) : removed;
}

/** Why the API server did not take a record, in its own words, and what to do about it. */
function notSaved(key: FilterKey, error: ApiFailure): Failure {
  const words = wordsOf(error.message);
  // https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle/admission.go
  if (/because it is being terminated/.test(words)) return failForNow("NamespaceTerminating", words).error;
  if (error.status === 403) return failForNow("RevisionForbidden", `${words}; grant Weir its ClusterRole (docs/rbac.yaml)`).error;
  if (error.status === 404) return fail("ObjectGone", `the namespace of WasmFilter ${filterId(key)} is gone: ${words}`).error;
  if (error.status === 413 || /too large/.test(words)) return fail("RevisionTooLarge", `${words}; make spec.config smaller`).error;
  return { ...error, message: words };
}

/** A revision of an object always has the same name, so the API server refuses a second one. At most 253 characters. */
export function revisionName({ name }: FilterKey, uid: string, number: number): string {
  return `${name.slice(0, 200).replace(/[-.]+$/, "")}-${uid.slice(0, 8)}-${number}`;
}

/** The name of a rewritten revision: another for each hash and each set of verdicts, so that it stands beside the one before until that is removed. */
function rewrittenName(key: FilterKey, uid: string, { number, hash, verified }: Revision): string {
  const told = verified === undefined ? hash : `${hash} ${verified.map(({ requirement }) => requirement).join(" ")}`;
  return `${revisionName(key, uid, number)}-${digestOf(told).slice("sha256:".length, "sha256:".length + 8)}`;
}

function nameOf({ metadata }: Fields): string {
  return isFields(metadata) && typeof metadata.name === "string" ? metadata.name : "";
}

function toControllerRevision(
  key: FilterKey,
  uid: string,
  revision: Revision,
  name: string = revisionName(key, uid, revision.number),
): unknown {
  return {
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    metadata: {
      name,
      namespace: key.namespace,
      labels: { [UID_LABEL]: uid, "app.kubernetes.io/managed-by": "weir" },
      ownerReferences: [{ apiVersion: API_VERSION, kind: KIND, name: key.name, uid, controller: true }],
    },
    revision: revision.number,
    data: toRecord(revision),
  };
}
