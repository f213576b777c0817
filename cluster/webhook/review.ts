import { fieldsOf, isRecord } from "../../base/json.ts";
import { isNestedDeeper } from "../../base/json-depth.ts";
import { parseExactJson } from "../../model/exact-json.ts";
import { fail, ok, type Result } from "../../model/result.ts";

/** A request for admission, as far as it is looked at. https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request */
export interface Asked {
  readonly uid: string;
  readonly namespace: string;
  readonly operation: unknown;
  readonly group: unknown;
  readonly kind: unknown;
  /** Empty for the object itself. */
  readonly subResource: unknown;
  /** Of the object; empty while the API server has not given it one. */
  readonly name: string;
  readonly object: unknown;
  /** As it is stored; `null` where it would be created. */
  readonly oldObject: unknown;
}

/** The answer to one, and what to log: a constant line with what differs in its facts. */
export interface Answer {
  readonly review: object;
  readonly line: string;
  readonly facts: Readonly<Record<string, string>>;
  readonly isRefusal: boolean;
}

/** What answers the questions that the API server asks at one path. */
export interface Handler {
  readonly path: string;
  /** May not reject but for a bug. */
  answer(asked: Asked): Promise<Answer>;
  /** A call at its path was no question that can be answered, or came at a bad time. */
  refused(): void;
}

const UID = /^[-a-zA-Z0-9]{1,128}$/;
/** https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names */
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9-])?$/;
/** The API server cuts what is longer. */
const MAX_WARNING = 256;

/** Levels of a body. A pod has some twenty; printing what is deeper than thousands ends the stack. */
const DEEPEST = 128;

/** Reads the body of a call. Fails with `BadReview` for what no API server sends. */
export function readReview(text: string): Result<Asked> {
  if (isNestedDeeper(text, DEEPEST)) return strange(`the body is nested deeper than ${DEEPEST} levels`);
  let body: unknown;
  try {
    body = parseExactJson(text);
  } catch {
    return strange("the body is not JSON");
  }
  if (!isRecord(body) || body.kind !== "AdmissionReview") return strange("the body is no AdmissionReview");
  if (body.apiVersion !== "admission.k8s.io/v1") return strange("its apiVersion is not admission.k8s.io/v1");
  const { request } = body;
  if (!isRecord(request) || typeof request.uid !== "string" || !UID.test(request.uid)) return strange("request.uid is missing");
  const { uid, namespace, operation, kind, object, oldObject, subResource } = request;
  if (typeof namespace !== "string" || !NAMESPACE.test(namespace)) return strange("request.namespace is no name of a namespace");
  const { group, kind: named } = fieldsOf(kind);
  return ok({
    ...{ uid, namespace, operation, group, kind: named, subResource: subResource ?? "" },
    ...{ name: nameOf(object), object, oldObject: oldObject ?? null },
  });
}

function nameOf(object: unknown): string {
  const metadata = fieldsOf(fieldsOf(object).metadata);
  const name = [metadata.name, metadata.generateName].find((one) => typeof one === "string" && NAME.test(one));
  return typeof name === "string" ? name : "";
}

function strange(why: string): Result<never> {
  return fail("BadReview", `${why}; this address is for the API server, which asks here about objects before it stores them`);
}

/** https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response */
interface Allowed {
  readonly warnings?: readonly string[];
  readonly patchType?: "JSONPatch";
  readonly patch?: string;
  /** What the API server's audit log notes beside the request, under the webhook's name. */
  readonly auditAnnotations?: Readonly<Record<string, string>>;
}

export function allow({ uid }: Asked, { warnings = [], ...patch }: Allowed = {}): object {
  return reviewOf({ uid, allowed: true, ...warned(warnings), ...patch });
}

/** `code`: the HTTP status that who asked the API server gets. */
export function refuse({ uid }: Asked, code: number, message: string, warnings: readonly string[] = []): object {
  return reviewOf({ uid, allowed: false, ...warned(warnings), status: { code, message } });
}

function warned(warnings: readonly string[]) {
  return warnings.length === 0 ? {} : { warnings: warnings.map((warning) => warning.slice(0, MAX_WARNING)) };
}

function reviewOf(response: object): object {
  return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response };
}
