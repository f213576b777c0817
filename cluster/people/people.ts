import { fieldsOf, isRecord } from "../../base/json.ts";
import { clip, oneLine } from "../../base/text.ts";
import type { FilterKey } from "../../model/filter.ts";
import { mergePatch } from "../../model/filter-patch.ts";
import { API_VERSION, type WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { ApiFailure, ApiRequest, Fields, KubeApi } from "../../model/kube.ts";
import type { People, Person } from "../../model/people.ts";
import { type Failure, fail, failForNow, ok, type Result } from "../../model/result.ts";
import { readClaims } from "../identity/claims.ts";

/** Who did it, in `managedFields`. https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers */
const MANAGER = "weir-hub";

/** https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/self-subject-review-v1/ */
const WHO = "authentication.k8s.io/v1";
/** https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/self-subject-access-review-v1/ */
const MAY = "authorization.k8s.io/v1";
const GROUP = "weir.dev";
const RESOURCE = "wasmfilters";

/** Bytes of an object: etcd takes less. */
const MAX_OBJECT = 4 * 1024 * 1024;
const MAX_GROUPS = 100;

/** People as the cluster knows them. Each of them asks the API server by their own token alone, so it decides, and its audit log has their name. */
export function createPeople({ as }: { as(token: string): KubeApi }): People {
  return {
    howTo: {
      text: "a bearer token that the cluster's API server takes: of your own kubeconfig, or of a ServiceAccount",
      example: "kubectl create token NAME -n NAMESPACE --duration 1h",
    },
    async find(token) {
      const api = as(token);
      const review = await api.request({
        method: "POST",
        path: `/apis/${WHO}/selfsubjectreviews`,
        body: { apiVersion: WHO, kind: "SelfSubjectReview" },
        maxBytes: MAX_OBJECT,
      });
      if (!review.ok) return reviewRefused(review.error);
      const { username, groups } = fieldsOf(fieldsOf(review.value.status).userInfo);
      if (typeof username !== "string" || username === "") return fail("Unauthorized", "the API server did not say whose the token is");
      const claims = readClaims(token);
      return ok(new ClusterPerson(api, username, textsOf(groups), claims.ok ? claims.value.until : undefined));
    },
  };
}

class ClusterPerson implements Person {
  readonly name: string;
  readonly groups: readonly string[];
  readonly until: number | undefined;
  readonly #api: KubeApi;

  constructor(api: KubeApi, user: string, groups: readonly string[], until: number | undefined) {
    this.#api = api;
    this.name = clip(oneLine(user), 253);
    this.groups = groups;
    this.until = until;
  }

  /** Who may list the filters of every namespace: that is what the pages show. */
  mayRead(): Promise<Result<boolean>> {
    return this.#allowed({ verb: "list" });
  }

  may(verb: string, place: { readonly namespace: string; readonly name?: string }): Promise<Result<boolean>> {
    return this.#allowed({ verb, ...place });
  }

  async read(key: FilterKey): Promise<Result<WasmFilter>> {
    return this.#filter({ path: pathOf(key) });
  }

  async patch(
    key: FilterKey,
    patch: Parameters<Person["patch"]>[1],
    { resourceVersion, dryRun }: Parameters<Person["patch"]>[2],
  ): Promise<Result<WasmFilter>> {
    const query = { fieldManager: MANAGER, ...(dryRun ? { dryRun: "All" } : {}) };
    const body = mergePatch(patch, resourceVersion);
    return this.#filter({ method: "PATCH", path: pathOf(key), query, contentType: "application/merge-patch+json", body });
  }

  async #allowed(attributes: Fields): Promise<Result<boolean>> {
    const resourceAttributes = { group: GROUP, resource: RESOURCE, ...attributes };
    const body = { apiVersion: MAY, kind: "SelfSubjectAccessReview", spec: { resourceAttributes } };
    const review = await this.#api.request({ method: "POST", path: `/apis/${MAY}/selfsubjectaccessreviews`, body, maxBytes: MAX_OBJECT });
    if (!review.ok) return refused(review.error);
    const { status } = review.value;
    return ok(isRecord(status) && status.allowed === true && status.denied !== true);
  }

  async #filter(request: ApiRequest): Promise<Result<WasmFilter>> {
    const answer = await this.#api.request({ ...request, maxBytes: MAX_OBJECT });
    if (!answer.ok) return refused(answer.error);
    const { metadata, spec } = answer.value;
    if (!isRecord(metadata) || !isRecord(spec)) return fail("Invalid", "the API server answered with something that is no WasmFilter");
    return ok(answer.value as unknown as WasmFilter);
  }
}

function pathOf({ namespace, name }: FilterKey): string {
  return `/apis/${API_VERSION}/namespaces/${encodeURIComponent(namespace)}/${RESOURCE}/${encodeURIComponent(name)}`;
}

/** The reason that the port names, with the API server's own words. */
const REASONS: Readonly<Record<number, string>> = {
  400: "Invalid",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  409: "Conflict",
  422: "Invalid",
};

function refused({ status, message }: ApiFailure): { readonly ok: false; readonly error: Failure } {
  const words = clip(oneLine(message), 2_000);
  const reason = REASONS[status];
  if (status === 401) return fail("Unauthorized", "the API server does not take the token, or not any more; sign in with another");
  return reason === undefined ? failForNow("Unavailable", words) : fail(reason, words);
}

function reviewRefused(error: ApiFailure): { readonly ok: false; readonly error: Failure } {
  if (error.status === 404)
    return fail("Unauthorized", "the API server has no SelfSubjectReview, which Kubernetes 1.28 brought: nobody can sign in here");
  return refused(error);
}

function textsOf(values: unknown): readonly string[] {
  if (!Array.isArray(values)) return [];
  return values.filter((value): value is string => typeof value === "string").slice(0, MAX_GROUPS);
}
