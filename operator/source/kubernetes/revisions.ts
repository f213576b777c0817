import { type FilterKey, filterId } from "../../../model/filter.ts";
import { API_VERSION, KIND } from "../../../model/gen/wasmfilter.ts";
import type { Log } from "../../../model/log.ts";
import { fail, ok, type Result } from "../../../model/result.ts";
import { type Revision, withoutSecretText } from "../../../model/revision.ts";
import { isFields } from "../../parse/defaults.ts";
import { fromRecord } from "../revision-record.ts";
import type { KubeApi } from "./api.ts";

export const UID_LABEL = "weir.dev/filter-uid";

/**
 * Revisions as ControllerRevisions, as StatefulSets and DaemonSets store theirs. They are owned by the WasmFilter, so that the garbage
 * collector removes them with it. https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/controller-revision-v1/
 */
export interface RevisionStore {
  list(key: FilterKey, uid: string): Promise<Result<readonly Revision[]>>;
  save(key: FilterKey, uid: string, revision: Revision): Promise<Result<void>>;
  remove(key: FilterKey, uid: string, number: number): Promise<Result<void>>;
}

export function createRevisionStore({ api, log }: { api: KubeApi; log: Log }): RevisionStore {
  const collection = ({ namespace }: FilterKey): string => `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}/controllerrevisions`;

  const store: RevisionStore = {
    async list(key, uid) {
      const found = await api.request({ path: collection(key), query: { labelSelector: `${UID_LABEL}=${uid}` } });
      if (!found.ok) return found;
      const revisions: Revision[] = [];
      for (const item of Array.isArray(found.value.items) ? found.value.items : []) {
        const revision = isFields(item) ? fromRecord(item.data) : undefined;
        if (revision !== undefined) revisions.push(revision);
        else
          log.error("a ControllerRevision that cannot be read is ignored", {
            filter: filterId(key),
            name: isFields(item) && isFields(item.metadata) ? item.metadata.name : "",
          });
      }
      return ok(revisions.sort((a, b) => a.number - b.number));
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
      if (made.error.status === 404) return fail("ObjectGone", `the namespace of WasmFilter ${filterId(key)} is gone`);
      return made;
    },
    async remove(key, uid, number) {
      const removed = await api.request({ method: "DELETE", path: `${collection(key)}/${revisionName(key, uid, number)}` });
      return removed.ok || removed.error.status === 404 ? ok(undefined) : removed;
    },
  };
  return store;
}

/** A revision of an object always has the same name, so the API server refuses a second one. At most 253 characters. */
export function revisionName({ name }: FilterKey, uid: string, number: number): string {
  return `${name.slice(0, 200).replace(/[-.]+$/, "")}-${uid.slice(0, 8)}-${number}`;
}

function toControllerRevision(key: FilterKey, uid: string, revision: Revision): unknown {
  return {
    apiVersion: "apps/v1",
    kind: "ControllerRevision",
    metadata: {
      name: revisionName(key, uid, revision.number),
      namespace: key.namespace,
      labels: { [UID_LABEL]: uid, "app.kubernetes.io/managed-by": "weir" },
      ownerReferences: [{ apiVersion: API_VERSION, kind: KIND, name: key.name, uid, controller: true }],
    },
    revision: revision.number,
    data: withoutSecretText(revision),
  };
}
