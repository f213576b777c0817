import { fieldsOf, isRecord } from "../../base/json.ts";
import { isNestedDeeper } from "../../base/json-depth.ts";
import { parseExactJson, printExactJson } from "../../model/exact-json.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { type InjectionSettings, inject, type NamespaceView, patchOf, readPod } from "../injection/index.ts";

/** A request for admission, as far as it is looked at. https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request */
export interface Asked {
  readonly uid: string;
  readonly namespace: string;
  /** False: not the creation of a pod. Nothing is to be done to others. */
  readonly isNewPod: boolean;
  /** Of the pod, for logs; empty while the API server has not given it one. */
  readonly name: string;
  readonly object: unknown;
}

/** The answer to one, and what to log. */
export interface Answer {
  readonly review: object;
  readonly outcome: "injected" | "unchanged" | "refused";
  /** Why, when it was not injected. */
  readonly why?: string;
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
  const { uid, namespace, operation, kind, object, subResource } = request;
  if (typeof namespace !== "string" || !NAMESPACE.test(namespace)) return strange("request.namespace is no name of a namespace");
  const isPod = isRecord(kind) && kind.kind === "Pod" && kind.group === "" && (subResource ?? "") === "";
  return ok({ uid, namespace, isNewPod: isPod && operation === "CREATE", name: nameOf(object), object });
}

function nameOf(object: unknown): string {
  const metadata = fieldsOf(fieldsOf(object).metadata);
  const name = [metadata.name, metadata.generateName].find((one) => typeof one === "string" && NAME.test(one));
  return typeof name === "string" ? name : "";
}

function strange(why: string): Result<never> {
  return fail("BadReview", `${why}; this address is for the API server, which asks here about each new pod`);
}

/** What the API server is told. `namespace`: of the pod, or why it is not known. */
export function answerTo(asked: Asked, namespace: Result<NamespaceView>, settings: InjectionSettings): Answer {
  const { uid } = asked;
  if (!asked.isNewPod) return { review: reviewOf({ uid, allowed: true }), outcome: "unchanged", why: "it is not the creation of a pod" };
  if (!namespace.ok) return refused(uid, 500, namespace.error.message);
  const pod = readPod(asked.object);
  if (!pod.ok) return refused(uid, 400, pod.error.message);
  const done = inject(pod.value, namespace.value, settings);
  if (!done.ok) return refused(uid, 400, done.error.message);
  const { pod: injected, unchanged, warnings } = done.value;
  const warned = warnings.length === 0 ? {} : { warnings: warnings.map((warning) => warning.slice(0, MAX_WARNING)) };
  if (unchanged !== undefined) return { review: reviewOf({ uid, allowed: true, ...warned }), outcome: "unchanged", why: unchanged };
  const patch = Buffer.from(printExactJson(patchOf(pod.value, injected))).toString("base64");
  return { review: reviewOf({ uid, allowed: true, ...warned, patchType: "JSONPatch", patch }), outcome: "injected" };
}

function refused(uid: string, code: number, message: string): Answer {
  return { review: reviewOf({ uid, allowed: false, status: { code, message } }), outcome: "refused", why: message };
}

function reviewOf(response: object): object {
  return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response };
}
