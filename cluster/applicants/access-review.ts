import { fieldsOf, isRecord } from "../../base/json.ts";
import { clip, oneLine } from "../../base/text.ts";
import type { ApiRequest, Fields } from "../../model/kube.ts";
import type { PlannedObjectId } from "../../model/plan.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { audienceProblem } from "../identity/token-review.ts";

/** Who the API server says that a token is of. */
export interface Subject {
  readonly user: string;
  readonly uid: string;
  readonly groups: readonly string[];
  /** What the authenticator adds, which authorizers may look at. */
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/subject-access-review-v1/ */
const API = "authorization.k8s.io/v1";

/**
 * Reads the answer to a TokenReview. Fails with `Unauthorized`. What the API server says in its own words is not shown: it may be about the token.
 * https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/
 */
export function readSubject(review: Fields, audience: string): Result<Subject> {
  const status = fieldsOf(review.status);
  if (status.authenticated !== true) return fail("Unauthorized", "the API server does not take the token; make another");
  const others = audienceProblem(status, audience);
  if (others !== undefined) return fail("Unauthorized", others);
  const { username, uid, groups, extra } = fieldsOf(status.user);
  if (typeof username !== "string" || username === "") return fail("Unauthorized", "the API server did not say whose the token is");
  const more = Object.entries(fieldsOf(extra)).map(([name, values]) => [name, texts(values)] as const);
  return ok({ user: username, uid: typeof uid === "string" ? uid : "", groups: texts(groups), extra: Object.fromEntries(more) });
}

/** Objects that somebody wants to change: all of a kind in a namespace or, with `name`, one of them. */
export interface Wanted {
  readonly kind: PlannedObjectId["kind"];
  /** Empty for what is in none. */
  readonly namespace: string;
  readonly name?: string;
}

/** The kinds as the API server names them. */
const RESOURCES: Readonly<Record<PlannedObjectId["kind"], { readonly group: string; readonly resource: string }>> = {
  WasmFilter: { group: "weir.dev", resource: "wasmfilters" },
  WasmPolicy: { group: "weir.dev", resource: "wasmpolicies" },
  Namespace: { group: "", resource: "namespaces" },
};

/** Asks whether a subject may do this. */
export function accessRequest({ user, uid, groups, extra }: Subject, verb: string, { kind, namespace, name }: Wanted): ApiRequest {
  const where = { ...(namespace !== "" && { namespace }), ...(name !== undefined && { name }) };
  const resourceAttributes = { verb, ...RESOURCES[kind], ...where };
  const body = { apiVersion: API, kind: "SubjectAccessReview", spec: { user, uid, groups, extra, resourceAttributes } };
  return { method: "POST", path: `/apis/${API}/subjectaccessreviews`, body };
}

export function isAllowed({ status }: Fields): boolean {
  return isRecord(status) && status.allowed === true && status.denied !== true;
}

/** In an answer to the subject itself. */
export function nameOf({ user }: Subject): string {
  return clip(oneLine(user), 253);
}

function texts(values: unknown): readonly string[] {
  return Array.isArray(values) ? values.filter((value) => typeof value === "string") : [];
}
