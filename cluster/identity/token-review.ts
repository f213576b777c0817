import { fieldsOf } from "../../base/json.ts";
import type { ProvedPod } from "../../model/identity.ts";
import type { ApiRequest, Fields } from "../../model/kube.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { Claims } from "./claims.ts";

/** https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/ */
const API = "authentication.k8s.io/v1";
/** https://kubernetes.io/docs/reference/access-authn-authz/authentication/#service-account-tokens */
const USERNAME = /^system:serviceaccount:([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?):[a-z0-9.-]{1,253}$/;
const [POD_NAME, POD_UID] = ["authentication.kubernetes.io/pod-name", "authentication.kubernetes.io/pod-uid"];
const NAME = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;
const UID = /^[A-Za-z0-9-]{1,128}$/;

/** Asks whether a token is good for this audience. */
export function reviewRequest(token: string, audience: string): ApiRequest {
  const body = { apiVersion: API, kind: "TokenReview", spec: { token, audiences: [audience] } };
  return { method: "POST", path: `/apis/${API}/tokenreviews`, body };
}

/** Why a token is not worth asking about; `undefined`: it may be good. */
export function mismatch({ audiences }: Claims, audience: string): string | undefined {
  if (audiences.includes(audience)) return undefined;
  return `the token is for another audience, and this server takes those for ${audience}; set serviceAccountToken.audience to ${audience}`;
}

/** Why the status of a review does not make a token good here. An authenticator that knows nothing of audiences answers without them: the token would be good for everybody. */
export function audienceProblem({ audiences }: Fields, audience: string): string | undefined {
  if (Array.isArray(audiences) && audiences.includes(audience)) return undefined;
  return `the API server did not say that the token is for the audience ${audience}`;
}

/**
 * The pod that the kubelet made a token for. `review`: the answer of the API server; `now`: milliseconds since the epoch. Fails with
 * `Unauthenticated`. What the API server says in its own words is not shown: it may be about the token.
 */
export function readReview(review: Fields, audience: string, claims: Claims, now: number): Result<Omit<ProvedPod, "byToken">> {
  const status = fieldsOf(review.status);
  if (claims.until <= now) {
    const [end, here] = [claims.until, now].map((at) => new Date(at).toISOString());
    return refuse(`the token ended at ${end}, and it is ${here} here; connect again with the next one`);
  }
  if (status.authenticated !== true)
    return refuse("the API server does not take the token: it is not one of this cluster, or its pod or its ServiceAccount is gone");
  const others = audienceProblem(status, audience);
  if (others !== undefined) return refuse(others);
  const user = fieldsOf(status.user);
  const extra = fieldsOf(user.extra);
  const [, namespace] = USERNAME.exec(String(user.username)) ?? [];
  if (namespace === undefined) return refuse("the token is no ServiceAccount's; mount a projected token in the pod");
  const [name, uid] = [only(extra[POD_NAME], NAME), only(extra[POD_UID], UID)];
  if (name === undefined || uid === undefined)
    return refuse("the token is bound to no pod; mount a projected token (serviceAccountToken) in the pod, and use that one");
  return ok({ namespace, name, uid });
}

function only(values: unknown, shape: RegExp): string | undefined {
  const [value, ...others] = Array.isArray(values) ? values : [];
  return typeof value === "string" && others.length === 0 && shape.test(value) ? value : undefined;
}

function refuse(why: string): Result<never> {
  return fail("Unauthenticated", why);
}
