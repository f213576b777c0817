import type { KubeApi } from "../../model/kube.ts";
import { ok } from "../../model/result.ts";
import type { Access, Fact } from "./facts.ts";
import type { Right } from "./rights.ts";

const GROUP = "/apis/authorization.k8s.io/v1";

/** https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access */
interface ResourceAttributes {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** Whether whoever asks has these rights, in `namespace`. */
export function selfAccess(api: KubeApi, rights: readonly Right[], namespace: string): Promise<Fact<readonly Access[]>> {
  return review(rights, namespace, (resourceAttributes) => ask(api, "SelfSubjectAccessReview", { resourceAttributes }));
}

/** Whether a ServiceAccount has these rights. Who asks needs the right to create SubjectAccessReviews. */
export function accessOf(
  api: KubeApi,
  rights: readonly Right[],
  account: { readonly namespace: string; readonly name: string },
): Promise<Fact<readonly Access[]>> {
  const user = `system:serviceaccount:${account.namespace}:${account.name}`;
  const groups = ["system:serviceaccounts", `system:serviceaccounts:${account.namespace}`, "system:authenticated"];
  return review(rights, account.namespace, (resourceAttributes) => ask(api, "SubjectAccessReview", { user, groups, resourceAttributes }));
}

async function review(
  rights: readonly Right[],
  namespace: string,
  allowed: (attributes: ResourceAttributes) => Promise<Fact<boolean>>,
): Promise<Fact<readonly Access[]>> {
  const found: Access[] = [];
  for (const right of rights) {
    const [resource = "", subresource] = right.resource.split("/");
    const where = { ...(right.own ? { namespace } : {}), ...(right.name === undefined ? {} : { name: right.name }) };
    const answers = await Promise.all(
      right.verbs.map((verb) =>
        allowed({ verb, group: right.group, resource, ...(subresource === undefined ? {} : { subresource }), ...where }),
      ),
    );
    for (const [index, answer] of answers.entries()) {
      if (!answer.ok) return answer;
      found.push({ verb: right.verbs[index] ?? "", group: right.group, resource: right.resource, allowed: answer.value });
    }
  }
  return ok(found);
}

async function ask(api: KubeApi, kind: string, spec: unknown): Promise<Fact<boolean>> {
  const body = { apiVersion: "authorization.k8s.io/v1", kind, spec };
  const answer = await api.request({ method: "POST", path: `${GROUP}/${kind.toLowerCase()}s`, body });
  if (!answer.ok) return answer;
  const { status } = answer.value as { readonly status?: { readonly allowed?: boolean } };
  return ok(status?.allowed === true);
}
