import type { WasmPolicy } from "../model/gen/wasmpolicy.ts";
import { document, failure, type HubContext } from "./answers.ts";
import { nameIn } from "./read/query.ts";
import { json, type Route } from "./route.ts";
import { ref } from "./schemas.ts";
import type { Views } from "./views.ts";

const UNKNOWN = json("It is not known what policies there are; nothing new goes out meanwhile.", ref("Error"));

/** What tells of WasmPolicies, and of what they refuse or audit now. */
export function policyRoutes(views: Pick<Views, "policies">): readonly Route[] {
  return [
    {
      path: "/api/v1/policies",
      operation: "listPolicies",
      summary: "The WasmPolicies with their status, by name: how many filters each is for, how many violate it, and the first of those",
      answers: { 200: json("A Kubernetes List.", ref("WasmPolicyList")), 503: UNKNOWN },
      isDocument: true,
      get: () => known(views, (items) => document({ apiVersion: "v1", kind: "List", metadata: { resourceVersion: "" }, items })),
    },
    {
      path: "/api/v1/policies/{name}",
      operation: "getPolicy",
      summary: "One WasmPolicy with its status",
      answers: {
        200: json("The policy.", ref("WasmPolicy")),
        404: json("There is no such policy.", ref("Error")),
        503: UNKNOWN,
      },
      isDocument: true,
      get: (context) => onePolicy(context, views),
    },
  ];
}

function onePolicy(context: HubContext, views: Pick<Views, "policies">): Response | undefined {
  const name = nameIn(context.req.param());
  if (name === undefined) return undefined;
  return known(views, (policies) => {
    const policy = policies.find(({ metadata }) => metadata.name === name);
    return policy === undefined ? failure(404, "NotFound", `no WasmPolicy ${name} here`) : document(policy);
  });
}

function known(views: Pick<Views, "policies">, answer: (policies: readonly WasmPolicy[]) => Response): Response {
  const policies = views.policies();
  return policies.ok ? answer(policies.value) : failure(503, "Busy", policies.error.message);
}
